import type { Connections, PartitionLeader } from "../../broker/connections.ts";

export type Leaders = {
  /**
   * The leaders of a topic's partitions, as they were when they were asked for last.
   * @param knows asked for again where this is false, at most every few seconds
   * @throws {BrokerAnswerError}
   * @throws {Error}
   */
  of: (
    topic: string,
    knows?: (leaders: ReadonlyMap<number, PartitionLeader>) => boolean,
  ) => Promise<ReadonlyMap<number, PartitionLeader>>;
  /** To be asked for anew: a broker has said that it is none, or nothing. */
  forget: (topic: string) => void;
};

/** Leaders that move are told of by the brokers that they have left; partitions that are added are not. */
const MOST_AGE_MS = 60_000;
const AGAIN_AFTER_MS = 2_000;

/**
 * Caches the leaders of topics; whoever asks after `forget` waits for a new answer. A transaction that is sent to an old leader
 * costs more than the wait. (The plain producer never waits: `producer/known-leaders.ts`.)
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
    of: async (topic, knows = () => true) => {
      const found = await (known.get(topic) ?? load(topic));
      const ageMs = performance.now() - found.atMs;
      const isStale = ageMs > MOST_AGE_MS || (ageMs > AGAIN_AFTER_MS && !knows(found.leaders));
      return isStale ? (await load(topic)).leaders : found.leaders;
    },
    forget: (topic) => {
      known.delete(topic);
    },
  };
}
