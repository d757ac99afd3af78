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
   * Ends what a process has left open, under all transactional ids that it is known to have used. Each of them is taken
   * over once, until `forget`, and tried until it is: settles when all are.
   * @throws {Error} forgotten or closed before
   */
  fence: (committer: Committer) => Promise<void>;
  /** The process is alive, or alive again. */
  forget: (processId: string) => void;
  /** Begins no further try. */
  close: () => void;
};

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
        await delay(retryDelayMs(tries), undefined, { signal: closing.signal, ref: false });
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
