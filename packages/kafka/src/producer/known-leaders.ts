import type { BrokerAddress, Connections, PartitionLeader } from "../broker/connections.ts";
import { nameOf } from "../broker/connections.ts";
import { partitionOfKey } from "../protocol/murmur2.ts";

/** Who leads a topic's partitions, as the brokers have said last. */
export type TopicLeaders = {
  readonly partitions: number;
  /** undefined while nobody leads the partition. */
  readonly addressOf: (partition: number) => BrokerAddress | undefined;
  /** Which of the leader's connections a partition's records take: none waits for another one's answers. */
  readonly channelOf: (partition: number) => string;
  /** The leaders; one whose followers keep a partition waiting stands once more for that partition. */
  readonly names: readonly string[];
  /** Which of the names a key's partition has; "" where nobody leads it. */
  readonly nameOfKey: (key: string) => string;
};

export type KnownLeaders = {
  /** What is known now; undefined before the first answer. What is old is asked for again, and nobody waits for that. */
  now: (topic: string) => TopicLeaders | undefined;
  /**
   * Waits only while nothing is known yet.
   * @throws {BrokerAnswerError}
   * @throws {Error}
   */
  of: (topic: string) => Promise<TopicLeaders>;
  /** Asks at once, and often for a while: a broker has said that it is no leader, or nothing. Never rejects. */
  doubt: (topic: string) => Promise<void>;
  /**
   * Whether a partition waits for its followers. A broker answers one request of a connection after the other, and
   * each only when all of its partitions are done: who waits has a connection alone until it is answered again.
   */
  waits: (topic: string, partition: number, isWaiting: boolean) => void;
};

/** Leaders that move are told of by the brokers that they have left; partitions that are added are not. */
const MOST_AGE_MS = 60_000;
/** While a partition has no leader, or one that does not answer: an election is over within seconds. */
const MOST_AGE_IN_DOUBT_MS = 1_000;
const IN_DOUBT_FOR_MS = 15_000;

/**
 * Caches the leaders of topics without making a sender wait: a stale answer is used while a new one is fetched in the
 * background, so that a frozen broker delays its own partitions only. (Transactions wait for a new answer instead,
 * `transactions/send/leaders.ts`; the consumer wants a second broker to confirm it, `broker/topic-state.ts`.)
 */
export function createKnownLeaders(connections: Connections): KnownLeaders {
  type Entry = {
    leaders: TopicLeaders | undefined;
    asked: ReadonlyMap<number, PartitionLeader>;
    readonly waiting: Set<number>;
    /** By leader: how often a partition of its began to wait, and left requests behind itself. */
    readonly turns: Map<string, number>;
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
        asked: new Map(),
        waiting: new Set(),
        turns: new Map(),
        atMs: -Infinity,
        doubtedUntilMs: -Infinity,
        asking: undefined,
      };
      entries.set(topic, entry);
    }
    return entry;
  };

  /** One question at a time, whoever asks. */
  const ask = (topic: string, entry: Entry): Promise<void> => {
    const asked = async () => {
      try {
        const { leaders } = await connections.topicMetadata(topic);
        entry.asked = leaders;
        entry.leaders = leadersIn(entry);
      } finally {
        // After a failure too: the next question comes when this answer would be old.
        entry.atMs = performance.now();
        entry.asking = undefined;
      }
    };
    return (entry.asking ??= asked());
  };

  const isOld = ({ leaders, atMs, doubtedUntilMs }: Entry): boolean => {
    const nowMs = performance.now();
    const isInDoubt = nowMs < doubtedUntilMs || leaders?.names.includes(NOBODY) === true;
    return nowMs - atMs > (isInDoubt ? MOST_AGE_IN_DOUBT_MS : MOST_AGE_MS);
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
    waits: (topic, partition, isWaiting) => {
      const entry = entryOf(topic);
      const { asked, waiting, turns } = entry;
      if (waiting.has(partition) === isWaiting) return;
      const leader = leaderNameIn(asked, partition);
      if (isWaiting) {
        waiting.add(partition);
        turns.set(leader, (turns.get(leader) ?? 0) + 1);
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

function leadersIn({ asked, waiting, turns }: Routes): TopicLeaders {
  const names = new Map(
    Array.from(asked.keys(), (partition) => {
      const leader = leaderNameIn(asked, partition);
      const isAlone = waiting.has(partition) && leader !== NOBODY;
      return [partition, isAlone ? `${leader} ${partition}` : leader];
    }),
  );
  return {
    partitions: asked.size,
    addressOf: (partition) => asked.get(partition)?.address,
    channelOf: (partition) =>
      waiting.has(partition)
        ? `records ${partition}`
        : // What it has left behind is answered before the next one does: two are enough.
          `records ${(turns.get(leaderNameIn(asked, partition)) ?? 0) % 2 === 0 ? "a" : "b"}`,
    names: [...new Set(names.values())],
    nameOfKey: (key) => names.get(partitionOfKey(Buffer.from(key), asked.size)) ?? NOBODY,
  };
}

type Routes = {
  readonly asked: ReadonlyMap<number, PartitionLeader>;
  readonly waiting: ReadonlySet<number>;
  readonly turns: ReadonlyMap<string, number>;
};

const NO_LEADERS = leadersIn({ asked: new Map(), waiting: new Set(), turns: new Map() });
