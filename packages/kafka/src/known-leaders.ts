import type { BrokerAddress, Connections, PartitionLeader } from "./broker/connections.ts";
import { nameOf } from "./broker/connections.ts";
import { partitionOfKey } from "./murmur2.ts";

/** Who leads a topic's partitions, as the brokers have said last. */
export type TopicLeaders = {
  readonly partitions: number;
  /** undefined while nobody leads the partition. */
  readonly addressOf: (partition: number) => BrokerAddress | undefined;
  /** The leaders, by name. */
  readonly names: readonly string[];
  /** The name of who leads a key's partition; "" where nobody does. */
  readonly nameOfKey: (key: string) => string;
};

export type KnownLeaders = {
  /** What is known now; undefined before the first answer. What is old is asked for again, and nobody waits for that. */
  now: (topic: string) => TopicLeaders | undefined;
  /** Waits only while nothing is known yet. @throws {BrokerAnswerError} @throws {Error} */
  of: (topic: string) => Promise<TopicLeaders>;
  /** Asks at once, and often for a while: a broker has said that it is no leader, or nothing. Never rejects. */
  doubt: (topic: string) => Promise<void>;
};

/** Leaders that move are told of by the brokers that they have left; partitions that are added are not. */
const MOST_AGE_MS = 60_000;
/** While a partition has no leader, or one that does not answer: an election is over within seconds. */
const MOST_AGE_IN_DOUBT_MS = 1_000;
const IN_DOUBT_FOR_MS = 15_000;

/**
 * Keeps what brokers say of topics. A broker that is frozen holds up its own partitions only: whoever sends to the
 * others goes on with what is known, while one broker after the other is asked for what is true now.
 */
export function createKnownLeaders(connections: Connections): KnownLeaders {
  type Entry = {
    leaders: TopicLeaders | undefined;
    atMs: number;
    doubtedUntilMs: number;
    asking: Promise<void> | undefined;
  };
  const entries = new Map<string, Entry>();

  const entryOf = (topic: string): Entry => {
    let entry = entries.get(topic);
    if (entry === undefined) {
      entry = { leaders: undefined, atMs: -Infinity, doubtedUntilMs: -Infinity, asking: undefined };
      entries.set(topic, entry);
    }
    return entry;
  };

  /** One question at a time, whoever asks. */
  const ask = (topic: string, entry: Entry): Promise<void> => {
    const asked = async () => {
      try {
        const { leaders } = await connections.topicMetadata(topic);
        entry.leaders = leadersIn(leaders);
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
  };
}

const NOBODY = "";

function leadersIn(leaders: ReadonlyMap<number, PartitionLeader>): TopicLeaders {
  const names = new Map(
    Array.from(leaders, ([partition, { address }]) => [
      partition,
      address === undefined ? NOBODY : nameOf(address),
    ]),
  );
  return {
    partitions: leaders.size,
    addressOf: (partition) => leaders.get(partition)?.address,
    names: [...new Set(names.values())],
    nameOfKey: (key) => names.get(partitionOfKey(Buffer.from(key), leaders.size)) ?? NOBODY,
  };
}

const NO_LEADERS = leadersIn(new Map());
