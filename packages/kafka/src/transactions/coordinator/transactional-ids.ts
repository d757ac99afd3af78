import { nameOf } from "../../broker/connections.ts";
import type { Coordinators } from "./coordinators.ts";
import type { Committer } from "./offset-metadata.ts";

export type TransactionalIds = {
  /**
   * Returns an unused number, if possible one whose id is coordinated by one of the queue's own brokers: then a
   * freeze of other brokers does not delay the queue.
   */
  choose: (brokers: readonly string[]) => Promise<number>;
  idOf: (number: number) => string;
  /** Committed with offsets, so that the next owner can fence this process. */
  committer: () => Committer;
};

const CANDIDATES = 8;

/** The transactional ids of this process; no two processes share one. */
export function createTransactionalIds(options: {
  groupId: string;
  processId: string;
  coordinators: Coordinators;
}): TransactionalIds {
  const { groupId, processId, coordinators } = options;
  const taken = new Set<number>();
  const idOf = (number: number) => idIn(groupId, processId, number);

  const free = (count: number): number[] => {
    const found: number[] = [];
    for (let number = 0; found.length < count; number++) if (!taken.has(number)) found.push(number);
    return found;
  };

  const isNear = async (number: number, brokers: readonly string[]) => {
    const found = coordinators.find({ kind: "transaction", key: idOf(number) });
    return brokers.includes(nameOf(await found));
  };

  return {
    idOf,
    choose: async (brokers) => {
      const candidates = free(CANDIDATES);
      const near = await Promise.all(
        candidates.map((number) => isNear(number, brokers).catch(() => false)),
      );
      const best = candidates.find((number, at) => near[at] === true && !taken.has(number));
      const [next = 0] = free(1);
      const chosen = best ?? next;
      taken.add(chosen);
      return chosen;
    },
    committer: () => ({ processId, idNumbers: [...taken].sort((a, b) => a - b) }),
  };
}

export const idIn = (groupId: string, processId: string, number: number): string =>
  `${groupId}-${processId}-${number}`;
