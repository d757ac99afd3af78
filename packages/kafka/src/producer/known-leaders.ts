import type { BrokerAddress, Connections, PartitionLeader } from "../broker/connections.ts";
import { nameOf } from "../broker/connections.ts";
import { partitionOfKey } from "../protocol/murmur2.ts";

/** The leaders of a topic's partitions by the latest metadata. */
export type TopicLeaders = {
  readonly partitions: number;
  /** Undefined if the partition has no leader. */
  readonly addressOf: (partition: number) => BrokerAddress | undefined;
  /** The connection to the leader that a partition's records use, so that partitions do not wait for each other's answers. */
  readonly channelOf: (partition: number) => string;
  /** The names of the leaders. A partition that waits for its followers has a name of its own. */
  readonly names: readonly string[];
  /** The name for a key's partition; "" without a leader. */
  readonly nameOfKey: (key: string) => string;
};

export type KnownLeaders = {
  /** Returns what is known; undefined before the first answer. Old metadata is read again in the background. */
  now: (topic: string) => TopicLeaders | undefined;
  /**
   * The same, but waits for the first answer.
   * @throws {BrokerAnswerError}
   * @throws {Error}
   */
  of: (topic: string) => Promise<TopicLeaders>;
  /** Reads the metadata now, and often for a while, because a broker has not answered or is not the leader. Never rejects. */
  doubt: (topic: string) => Promise<void>;
  /**
   * Records whether a partition waits for its followers. A broker answers the requests of a connection one by one, and
   * each only when all of its partitions are done. So a waiting partition has a connection of its own until it no longer
   * waits.
   */
  setWaiting: (topic: string, partition: number, isWaiting: boolean) => void;
};

/** A broker that is no longer the leader reports that itself; added partitions are found only by reading the metadata. */
const MAX_AGE_MS = 60_000;
/** While a partition has no leader, or one that does not answer: an election takes seconds. */
const MAX_AGE_IN_DOUBT_MS = 1_000;
const IN_DOUBT_FOR_MS = 15_000;

/**
 * Caches the leaders of topics without making a sender wait: a stale answer is used while a new one is fetched in the
 * background, so that a frozen broker delays its own partitions only. (Transactions wait for a new answer instead,
 * `transactions/send/leaders.ts`; the consumer needs a second broker to confirm changes, `broker/topic-state.ts`.)
 */
export function createKnownLeaders(connections: Connections): KnownLeaders {
  type Entry = {
    leaders: TopicLeaders | undefined;
    byPartition: ReadonlyMap<number, PartitionLeader>;
    readonly waiting: Set<number>;
    /** By leader: how often one of its partitions began to wait, with later requests queued after it. */
    readonly switches: Map<string, number>;
    atMs: number;
    doubtedUntilMs: number;
    asking: Promise<void> | undefined;
  };
  const entries = new Map<string, Entry>();

  const entryOf = (topic: string): Entry => {
    let entry = entries.get(topic);
    if (entry === undefined) {
      entry = {
        leaders: undefined,
        byPartition: new Map(),
        waiting: new Set(),
        switches: new Map(),
        atMs: -Infinity,
        doubtedUntilMs: -Infinity,
        asking: undefined,
      };
      entries.set(topic, entry);
    }
    return entry;
  };

  /** Sends one request at a time; concurrent callers share it. */
  const ask = (topic: string, entry: Entry): Promise<void> => {
    const read = async () => {
      try {
        const { leaders } = await connections.topicMetadata(topic);
        entry.byPartition = leaders;
        entry.leaders = leadersIn(entry);
      } finally {
        // Also after a failure: the next request is sent when this answer would be old.
        entry.atMs = performance.now();
        entry.asking = undefined;
      }
    };
    return (entry.asking ??= read());
  };

  const isOld = ({ leaders, atMs, doubtedUntilMs }: Entry): boolean => {
    const nowMs = performance.now();
    const isInDoubt = nowMs < doubtedUntilMs || leaders?.names.includes(NOBODY) === true;
    return nowMs - atMs > (isInDoubt ? MAX_AGE_IN_DOUBT_MS : MAX_AGE_MS);
  };

  return {
    now: (topic) => {
      const entry = entryOf(topic);
      if (isOld(entry)) void ask(topic, entry).catch(() => undefined);
      return entry.leaders;
    },
    of: async (topic) => {
      const entry = entryOf(topic);
      if (entry.leaders === undefined) await ask(topic, entry);
      else if (isOld(entry)) void ask(topic, entry).catch(() => undefined);
      return entry.leaders ?? NO_LEADERS;
    },
    doubt: async (topic) => {
      const entry = entryOf(topic);
      entry.doubtedUntilMs = performance.now() + IN_DOUBT_FOR_MS;
      await ask(topic, entry).catch(() => undefined);
    },
    setWaiting: (topic, partition, isWaiting) => {
      const entry = entryOf(topic);
      const { byPartition, waiting, switches } = entry;
      if (waiting.has(partition) === isWaiting) return;
      const leader = leaderNameIn(byPartition, partition);
      if (isWaiting) {
        waiting.add(partition);
        switches.set(leader, (switches.get(leader) ?? 0) + 1);
      } else waiting.delete(partition);
      entry.leaders = leadersIn(entry);
    },
  };
}

const NOBODY = "";

const leaderNameIn = (leaders: ReadonlyMap<number, PartitionLeader>, partition: number): string => {
  const address = leaders.get(partition)?.address;
  return address === undefined ? NOBODY : nameOf(address);
};

function leadersIn({ byPartition, waiting, switches }: Routes): TopicLeaders {
  const names = new Map(
    Array.from(byPartition.keys(), (partition) => {
      const leader = leaderNameIn(byPartition, partition);
      const isAlone = waiting.has(partition) && leader !== NOBODY;
      return [partition, isAlone ? `${leader} ${partition}` : leader];
    }),
  );
  return {
    partitions: byPartition.size,
    addressOf: (partition) => byPartition.get(partition)?.address,
    channelOf: (partition) =>
      waiting.has(partition)
        ? `records ${partition}`
        : // Requests on the connection that was left are answered before the next switch: two connections are enough.
          `records ${(switches.get(leaderNameIn(byPartition, partition)) ?? 0) % 2 === 0 ? "a" : "b"}`,
    names: [...new Set(names.values())],
    nameOfKey: (key) => names.get(partitionOfKey(Buffer.from(key), byPartition.size)) ?? NOBODY,
  };
}

type Routes = {
  readonly byPartition: ReadonlyMap<number, PartitionLeader>;
  readonly waiting: ReadonlySet<number>;
  readonly switches: ReadonlyMap<string, number>;
};

const NO_LEADERS = leadersIn({ byPartition: new Map(), waiting: new Set(), switches: new Map() });
