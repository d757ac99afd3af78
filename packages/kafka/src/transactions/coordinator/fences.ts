import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "@fiberstream/runtime/log";
import { messageOf } from "@fiberstream/runtime/errors";
import { retryDelayMs } from "@fiberstream/runtime/retry";
import type { Coordinators } from "./coordinators.ts";
import type { Committer } from "./offset-metadata.ts";
import { openSession } from "./session.ts";
import { idIn } from "./transactional-ids.ts";

export type Fences = {
  /**
   * Ends the open transactions of a process by taking over all transactional ids that it is known to have used, each
   * once until `forget`. Retries until all are taken over.
   * @throws {Error} `forget` or `close` was called before that
   */
  fence: (committer: Committer) => Promise<void>;
  /** Call it when the process is alive (again). */
  forget: (processId: string) => void;
  /** Stops retrying. */
  close: () => void;
};

/** An open transaction blocks readers; the next coordinator can end it. */
const MAX_WAIT_MS = 1_000;

export function createFences(options: {
  coordinators: Coordinators;
  groupId: string;
  log: Log;
}): Fences {
  const { coordinators, groupId, log } = options;
  const byProcess = new Map<string, Map<number, Promise<void>>>();
  const closing = new AbortController();

  const takeOver = async (processId: string, number: number, isWanted: () => boolean) => {
    const transactionalId = idIn(groupId, processId, number);
    for (let tries = 1; ; tries++) {
      try {
        await openSession(coordinators, transactionalId, "fences");
        log.info({ transactionalId }, "fenced transactional id of another process");
        return;
      } catch (error) {
        const reason = messageOf(error);
        if (tries === 1)
          log.warn({ transactionalId, reason }, "fencing transactional id failed, retrying");
        const waitMs = Math.min(MAX_WAIT_MS, retryDelayMs(tries));
        await delay(waitMs, undefined, { signal: closing.signal, ref: false });
        if (!isWanted()) throw error;
      }
    }
  };

  return {
    fence: async ({ processId, idNumbers }) => {
      const known = byProcess.get(processId) ?? new Map<number, Promise<void>>();
      byProcess.set(processId, known);
      const isWanted = () => byProcess.get(processId) === known;
      const fenced = idNumbers.map((number) => {
        const begun = known.get(number) ?? takeOver(processId, number, isWanted);
        known.set(number, begun);
        return begun;
      });
      await Promise.all(fenced);
    },
    forget: (processId) => {
      byProcess.delete(processId);
    },
    close: () => {
      byProcess.clear();
      closing.abort();
    },
  };
}
