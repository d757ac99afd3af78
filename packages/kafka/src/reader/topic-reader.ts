import { setTimeout as delay } from "node:timers/promises";
import { TransientError } from "@fiberstream/runtime/errors";
import { type ClusterAccess, connectCluster } from "./cluster-access.ts";
import type { KafkaClient } from "../kafka.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import { connectAdmin } from "../kafkajs/with-admin.ts";
import type { IncomingRecord } from "../records.ts";

/** Offsets of a partition from `from`, inclusive, to `until`, exclusive. */
export type OffsetRange = {
  readonly partition: number;
  readonly from: bigint;
  readonly until: bigint;
};

export type TopicReader = {
  /**
   * Returns the offsets that a topic has, without empty partitions.
   * @param options.since leaves out records that are older, in ms since 1970, by record timestamp
   * @throws {TransientError}
   * @throws {FatalError}
   */
  ranges: (topic: string, options?: { since?: number | undefined }) => Promise<OffsetRange[]>;
  /**
   * Returns the offsets that one partition has, perhaps none. The other partitions need no leader.
   * @throws {TransientError}
   * @throws {FatalError}
   */
  range: (topic: string, partition: number) => Promise<OffsetRange>;
  /**
   * Returns a topic's id and partitions as they are now: partitions may be added, and a recreated topic has another id.
   * @throws {TransientError}
   * @throws {FatalError}
   */
  describe: (topic: string) => Promise<{ topicId: string; partitions: readonly number[] }>;
  /**
   * Reads the committed records of a range, one fetch after the other.
   * @throws {TransientError}
   * @throws {FatalError}
   */
  read: (topic: string, range: OffsetRange) => AsyncGenerator<readonly IncomingRecord[]>;
  close: () => Promise<void>;
};

/**
 * Reads topics from outside of any consumer group.
 * @throws {TransientError} when no broker answers
 */
export async function connectTopicReader(options: { kafka: KafkaClient }): Promise<TopicReader> {
  const admin = await connectAdmin(options.kafka);
  const cluster = connectCluster(options.kafka);

  return {
    ranges: (topic, { since } = {}) =>
      withRetries(cluster, async () => {
        const offsets = await admin.fetchTopicOffsets(topic);
        const froms =
          since === undefined ? [] : await admin.fetchTopicOffsetsByTimestamp(topic, since);
        const fromOf = new Map(froms.map(({ partition, offset }) => [partition, BigInt(offset)]));
        return offsets
          .map(({ partition, low, high }) => ({
            partition,
            from: fromOf.get(partition) ?? BigInt(low),
            until: BigInt(high),
          }))
          .filter(({ from, until }) => from < until)
          .toSorted((a, b) => a.partition - b.partition);
      }),

    range: (topic, partition) =>
      withRetries(cluster, async () => {
        const { low, high } = await cluster.ends(topic, partition);
        return { partition, from: low, until: high };
      }),

    describe: (topic) =>
      withRetries(cluster, () => {
        cluster.refresh();
        return cluster.topic(topic);
      }),

    read: async function* read(topic, { partition, from, until }) {
      for (let at = from, silent = 0; at < until;) {
        const fetched = await fetchOne(cluster, topic, partition, at);
        // An open transaction blocks the records after it until it ends.
        silent = fetched.nextOffset === at ? silent + 1 : 0;
        if (silent > SILENT_FETCHES) {
          throw new TransientError(
            "kafka",
            `partition ${partition} of ${topic} returns nothing from offset ${at} on`,
          );
        }
        at = fetched.nextOffset;
        const records = fetched.records.filter(({ offset }) => BigInt(offset) < until);
        if (records.length > 0) yield records;
      }
    },

    close: async () => {
      await cluster.close();
      await admin.disconnect();
    },
  };
}

/** 120 fetches of 500 ms: longer than a transaction may stay open. */
const SILENT_FETCHES = 120;
const MAX_WAIT_MS = 500;
const TRIES = 5;

const fetchOne = (cluster: ClusterAccess, topic: string, partition: number, at: bigint) =>
  withRetries(cluster, async () => {
    const partitions = await cluster.fetch(topic, new Map([[partition, at]]), {
      maxWaitMs: MAX_WAIT_MS,
    });
    const fetched = partitions.find((found) => found.partition === partition);
    if (fetched !== undefined) return fetched;
    throw new TransientError("kafka", `no answer about partition ${partition} of ${topic}`);
  });

/** Retries with new metadata: a leader may have moved, or may not know yet that it leads a new topic. */
async function withRetries<T>(cluster: ClusterAccess, call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call();
    } catch (error) {
      if (tries === TRIES) throw kafkaFailure(error);
      await delay(tries * 100);
      cluster.refresh();
    }
  }
}
