import { setTimeout as delay } from "node:timers/promises";
import type { Started } from "@fiberstream/local-stack/backing-services";
import { messageOf } from "@fiberstream/runtime/errors";
import { retryDelayMs } from "@fiberstream/runtime/retry";

export type ProcessKind = "native" | "container" | "external" | "service";

/** One row of the status table. */
export type ProcessStatus = {
  readonly name: string;
  readonly kind: ProcessKind;
  readonly address: string;
  /** Address of a service's admin port. */
  readonly adminUrl?: string;
  readonly state: "waiting" | "starting" | "up" | "restarting" | "stopped";
  readonly pid?: number;
  readonly since?: string;
  readonly restarts: number;
};

/** A backing service or a service that is restarted when it exits. */
export type SupervisedProcess = {
  readonly status: () => ProcessStatus;
  /** Starts the process once; later calls wait for the first. */
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

/** A process that ran this long has recovered: after its next exit the delays begin at the shortest again. */
const RECOVERED_AFTER_MS = 30_000;

/**
 * Supervises one backing service or service: when the process exits unexpectedly it is restarted, after a pause
 * that grows with each attempt, until it is stopped.
 *
 * @param definition.say gets a line for each exit and restart
 * @param definition.onChange is called when the status has changed
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
  const setStatus = (change: Partial<ProcessStatus>) => {
    status = { ...status, ...change };
    onChange();
  };

  const startOnce = async () => {
    running = await definition.start();
    const { pid, ended } = running;
    upAtMs = performance.now();
    setStatus({ state: "up", since: new Date().toISOString(), ...(pid !== undefined && { pid }) });
    void ended.then((how) => {
      if (!stopping.signal.aborted) restarting = restart(how);
    });
  };

  const restart = async (exit: string) => {
    const livedMs = performance.now() - upAtMs;
    let reason = `exited unexpectedly (${exit})`;
    for (let tries = livedMs > RECOVERED_AFTER_MS ? 1 : status.restarts + 1; ; tries++) {
      const waitMs = Math.round(retryDelayMs(tries));
      say(`${name} ${reason}, restarting it in ${waitMs} ms`);
      setStatus({ state: "restarting", restarts: status.restarts + 1 });
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
      first ??= (setStatus({ state: "starting" }), startOnce());
      return first;
    },
    stop: async () => {
      stopping.abort();
      // A start that is in progress owns its process; wait until it has ended or failed.
      await Promise.allSettled([first, restarting]);
      await running?.stop();
      setStatus({ state: "stopped" });
    },
  };
}
