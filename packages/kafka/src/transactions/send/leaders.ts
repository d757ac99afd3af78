import type { Connections, PartitionLeader } from "../../broker/connections.ts";

export type Leaders = {
  /**
   * Returns the leaders of a topic's partitions, as of the last request.
   * @param isComplete while this is false the leaders are requested again, at most every few seconds
   * @throws {BrokerAnswerError}
   * @throws {Error}
   */
  of: (
    topic: string,
    isComplete?: (leaders: ReadonlyMap<number, PartitionLeader>) => boolean,
  ) => Promise<ReadonlyMap<number, PartitionLeader>>;
  /** Drops the cached leaders: a broker answered that it is not the leader, or did not answer. */
  forget: (topic: string) => void;
};

/** A former leader's answer reveals that the leader has moved, but nothing reveals that partitions were added. */
const MAX_AGE_MS = 60_000;
const RELOAD_AFTER_MS = 2_000;

/**
 * Caches the leaders of topics. After `forget`, callers wait for a new answer: a transaction that is sent to a former
 * leader costs more than the wait. (The plain producer never waits: `producer/known-leaders.ts`.)
 */
export function createLeaders(connections: Connections): Leaders {
  type Known = { readonly leaders: ReadonlyMap<number, PartitionLeader>; readonly atMs: number };
  const known = new Map<string, Promise<Known>>();

  const load = (topic: string): Promise<Known> => {
    const loading = connections
      .topicMetadata(topic)
      .then(({ leaders }) => ({ leaders, atMs: performance.now() }));
    known.set(topic, loading);
    loading.catch(() => {
      if (known.get(topic) === loading) known.delete(topic);
    });
    return loading;
  };

  return {
    of: async (topic, isComplete = () => true) => {
      const found = await (known.get(topic) ?? load(topic));
      const ageMs = performance.now() - found.atMs;
      const isStale = ageMs > MAX_AGE_MS || (ageMs > RELOAD_AFTER_MS && !isComplete(found.leaders));
      return isStale ? (await load(topic)).leaders : found.leaders;
    },
    forget: (topic) => {
      known.delete(topic);
    },
  };
}
