import type { Log } from "../logging/log.ts";
import { messageOf } from "../errors.ts";

/**
 * Owns the resources of a process. They are released last-in first-out, each awaited, so acquiring them in the order
 * "admin server, dependencies, intake" gives the drain order "stop intake, finish the work in flight, commit,
 * disconnect, close".
 */
export type Life = {
  /** Owns `resource`, and calls `release` with it when the process stops. Acquire and release stay on adjacent lines. */
  own: <T>(resource: T, release: (resource: T) => unknown) => T;
  /** Aborted when the stop begins; ends loops that wait. */
  readonly stopping: AbortSignal;
  /** Releases all resources, then throws the first error if there was one. A second call awaits the first. */
  stop: () => Promise<void>;
};

export function createLife(): Life {
  const releases: (() => unknown)[] = [];
  const stopping = new AbortController();
  let stopped: Promise<void> | undefined;

  const releaseAll = async () => {
    stopping.abort();
    const errors: unknown[] = [];
    for (let release = releases.pop(); release; release = releases.pop()) {
      try {
        await release();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  };

  return {
    own: (resource, release) => {
      releases.push(() => release(resource));
      return resource;
    },
    stopping: stopping.signal,
    stop: () => (stopped ??= releaseAll()),
  };
}

/** Stops on SIGTERM or SIGINT, within `timeoutMs`; a second signal ends the process immediately. */
export function stopOnSignals(life: Life, options: { log: Log; timeoutMs: number }): void {
  const { log, timeoutMs } = options;
  const exit = (code: number) => process.exit(code);
  const onSignal = (signal: NodeJS.Signals) => {
    if (life.stopping.aborted) {
      log.warn({ signal }, "second signal, exiting immediately");
      exit(1);
    }
    log.info({ signal, timeoutMs }, "stopping");
    const deadline = setTimeout(() => {
      log.error({ timeoutMs }, "shutdown timed out, exiting");
      exit(1);
    }, timeoutMs);
    deadline.unref();
    life.stop().then(
      () => {
        log.info("stopped");
        exit(0);
      },
      (error: unknown) => {
        log.error({ reason: messageOf(error) }, "stopped with an error");
        exit(1);
      },
    );
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
}
