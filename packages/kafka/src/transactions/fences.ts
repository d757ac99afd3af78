import type { Log } from "@fiberstream/runtime/log";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Coordinators } from "./coordinators.ts";
import type { Committer } from "./offset-metadata.ts";
import { openSession } from "./session.ts";
import { idIn } from "./transactional-ids.ts";

export type Fences = {
  /**
   * Ends what a process has left open, under all transactional ids that it is known to have used. Each of them is taken
   * over once, until `forget`.
   * @throws {Error} one of them could not be; the next call tries again
   */
  fence: (committer: Committer) => Promise<void>;
  /** The process is alive, or alive again. */
  forget: (processId: string) => void;
};

export function createFences(options: {
  coordinators: Coordinators;
  groupId: string;
  log: Log;
}): Fences {
  const { coordinators, groupId, log } = options;
  const byProcess = new Map<string, Map<number, Promise<void>>>();

  const takeOver = async (processId: string, number: number) => {
    const transactionalId = idIn(groupId, processId, number);
    try {
      await openSession(coordinators, transactionalId, "fences");
      log.info({ transactionalId }, "transactional id of another process fenced");
    } catch (error) {
      byProcess.get(processId)?.delete(number);
      log.warn({ transactionalId, reason: messageOf(error) }, "transactional id not fenced yet");
      throw error;
    }
  };

  return {
    fence: async ({ processId, lanes }) => {
      const known = byProcess.get(processId) ?? new Map<number, Promise<void>>();
      byProcess.set(processId, known);
      const fenced = lanes.map((number) => {
        const begun = known.get(number) ?? takeOver(processId, number);
        known.set(number, begun);
        return begun;
      });
      await Promise.all(fenced);
    },
    forget: (processId) => {
      byProcess.delete(processId);
    },
  };
}
