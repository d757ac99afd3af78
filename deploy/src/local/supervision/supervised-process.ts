import { setTimeout as delay } from "node:timers/promises";
import type { Started } from "@fiberstream/local-stack/backing-services";
import { messageOf } from "@fiberstream/runtime/errors";
import { retryDelayMs } from "@fiberstream/runtime/retry";

export type ProcessKind = "native" | "container" | "external" | "service";

/** One line of the status table. */
export type ProcessStatus = {
  readonly name: string;
  readonly kind: ProcessKind;
  readonly address: string;
  /** A service's port for operators. */
  readonly adminUrl?: string;
  readonly state: "waiting" | "starting" | "up" | "restarting" | "stopped";
  readonly pid?: number;
  readonly since?: string;
  readonly restarts: number;
};

/** A backing service or a service under supervision. */
export type SupervisedProcess = {
  readonly status: () => ProcessStatus;
  /** Starts it once; later calls await the first. */
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

/** Who ran this long had recovered: its next end begins a new series of tries. */
const RECOVERED_AFTER_MS = 30_000;

/**
 * Supervises one backing service or service: when it ends by itself it is started again, with a growing pause
 * in between, until it is stopped.
 *
 * @param definition.say is told of ends and restarts
 * @param definition.onChange is told that the status is another one
 */
export function createSupervisedProcess(definition: {
  name: string;
  kind: ProcessKind;
  address: string;
  adminUrl?: string;
  start: () => Promise<Started>;
  say: (line: string) => void;
  onChange: () => void;
}): SupervisedProcess {
  const { name, kind, address, adminUrl, say, onChange } = definition;
  const stopping = new AbortController();
  let first: Promise<void> | undefined;
  let running: Started | undefined;
  let upAtMs = 0;
  let restarting: Promise<void> = Promise.resolve();
  let status: ProcessStatus = {
    name,
    kind,
    address,
    state: "waiting",
    restarts: 0,
    ...(adminUrl !== undefined && { adminUrl }),
  };
  const become = (change: Partial<ProcessStatus>) => {
    status = { ...status, ...change };
    onChange();
  };

  const startOnce = async () => {
    running = await definition.start();
    const { pid, ended } = running;
    upAtMs = performance.now();
    become({ state: "up", since: new Date().toISOString(), ...(pid !== undefined && { pid }) });
    void ended.then((how) => {
      if (!stopping.signal.aborted) restarting = restart(how);
    });
  };

  const restart = async (how: string) => {
    const livedMs = performance.now() - upAtMs;
    let reason = `ended by itself (${how})`;
    for (let tries = livedMs > RECOVERED_AFTER_MS ? 1 : status.restarts + 1; ; tries++) {
      const waitMs = Math.round(retryDelayMs(tries));
      say(`${name} ${reason}, starting it again in ${waitMs} ms`);
      become({ state: "restarting", restarts: status.restarts + 1 });
      try {
        await delay(waitMs, undefined, { signal: stopping.signal });
        await startOnce();
        say(`${name} is up again`);
        return;
      } catch (error) {
        if (stopping.signal.aborted) return;
        reason = `did not start (${messageOf(error)})`;
      }
    }
  };

  return {
    status: () => status,
    start: () => {
      first ??= (become({ state: "starting" }), startOnce());
      return first;
    },
    stop: async () => {
      stopping.abort();
      // A start in flight holds what it has started; it ends by itself, one way or the other.
      await Promise.allSettled([first, restarting]);
      await running?.stop();
      become({ state: "stopped" });
    },
  };
}
