import { setTimeout as delay } from "node:timers/promises";
import { TransientError } from "@fiberstream/runtime/errors";
import { type ClusterAccess, connectCluster } from "./cluster-access.ts";
import type { KafkaClient } from "../kafka.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import type { IncomingRecord } from "../records.ts";

/** A range of a partition: from `from`, which is in it, up to `until`, which is not. */
export type OffsetRange = {
  readonly partition: number;
  readonly from: bigint;
  readonly until: bigint;
};

export type TopicReader = {
  /**
   * What a topic holds now, oldest first within each partition; empty ranges are left out.
   * @param since leaves out what is older, in ms since 1970, by record timestamp
   * @throws {TransientError}
   * @throws {FatalError}
   */
  ranges: (topic: string, options?: { since?: number | undefined }) => Promise<OffsetRange[]>;
  /**
   * What one partition holds now, perhaps nothing; the others need no leader.
   * @throws {TransientError}
   * @throws {FatalError}
   */
  range: (topic: string, partition: number) => Promise<OffsetRange>;
  /**
   * The committed records of a range, by and by.
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
  const admin = options.kafka.admin();
  const cluster = connectCluster(options.kafka);
  try {
    await admin.connect();
  } catch (error) {
    await admin.disconnect();
    throw kafkaFailure(error);
  }

  return {
    ranges: (topic, { since } = {}) =>
      withTries(cluster, async () => {
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
      withTries(cluster, async () => {
        const { low, high } = await cluster.ends(topic, partition);
        return { partition, from: low, until: high };
      }),

    read: async function* read(topic, { partition, from, until }) {
      for (let at = from, silent = 0; at < until;) {
        const part = await fetchOne(cluster, topic, partition, at);
        // An open transaction holds the records behind it back until it ends.
        silent = part.nextOffset === at ? silent + 1 : 0;
        if (silent > SILENT_FETCHES) {
          throw new TransientError(
            "kafka",
            `partition ${partition} of ${topic} gives nothing past ${at}`,
          );
        }
        at = part.nextOffset;
        const records = part.records.filter(({ offset }) => BigInt(offset) < until);
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
  withTries(cluster, async () => {
    const parts = await cluster.fetch(topic, new Map([[partition, at]]), {
      maxWaitMs: MAX_WAIT_MS,
    });
    const part = parts.find((one) => one.partition === partition);
    if (part !== undefined) return part;
    throw new TransientError("kafka", `no answer about partition ${partition} of ${topic}`);
  });

/** Leaders move, and that of a topic just created may not know of it yet: look again, with new metadata. */
async function withTries<T>(cluster: ClusterAccess, call: () => Promise<T>): Promise<T> {
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
