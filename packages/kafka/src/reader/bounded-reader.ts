import { setTimeout as delay } from "node:timers/promises";
import { TransientError } from "@fiberstream/runtime/errors";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import type { KafkaClient } from "../kafka.ts";
import type { IncomingRecord } from "../records.ts";
import { type ClusterAccess, connectCluster, isOutOfRange } from "./cluster-access.ts";
import type { OffsetRange } from "./topic-reader.ts";

/**
 * Reads parts of topics from outside of any group, for questions that must end soon. Its functions throw {TransientError} and
 * {FatalError}, and give up when `stopping` is aborted.
 */
export type BoundedReader = {
  /** Returns the offsets of all partitions that can be read without waiting: those before an open transaction. */
  ranges: (topic: string, stopping?: AbortSignal) => Promise<OffsetRange[]>;
  /** Returns the first record of a partition from a time on, by record timestamp; undefined: there is none. */
  offsetAt: (
    topic: string,
    partition: number,
    timeMs: number,
    stopping?: AbortSignal,
  ) => Promise<bigint | undefined>;
  /**
   * Reads the committed records of a range, about 1 MB at a time. Records that retention has deleted meanwhile are skipped. It
   * ends early when `stopping` is aborted.
   */
  read: (
    topic: string,
    range: OffsetRange,
    stopping?: AbortSignal,
  ) => AsyncGenerator<readonly IncomingRecord[]>;
  close: () => Promise<void>;
};

/** Below a stable end nothing has to be waited for; a broker that has no records there answers after so long. */
const MAX_WAIT_MS = 100;
const SILENT_FETCHES = 10;
const TRIES = 4;

/** Connects at the first call, so that its owner starts without Kafka. */
export function createBoundedReader({ kafka }: { kafka: KafkaClient }): BoundedReader {
  const cluster = connectCluster(kafka);
  const tried = <T>(call: () => Promise<T>, stopping?: AbortSignal) =>
    withRetries(cluster, call, stopping);

  const fetchAt = (topic: string, partition: number, at: bigint, stopping?: AbortSignal) =>
    tried(async () => {
      const positions = new Map([[partition, at]]);
      const [fetched] = await cluster.fetch(topic, positions, { maxWaitMs: MAX_WAIT_MS });
      if (fetched !== undefined) return fetched;
      throw new TransientError("kafka", `no answer about partition ${partition} of ${topic}`);
    }, stopping);

  /** Returns where to read on after retention has deleted the offset. */
  const beginningOf = async (topic: string, partition: number) =>
    (await tried(() => cluster.ends(topic, partition))).low;

  return {
    ranges: (topic, stopping) =>
      tried(async () => {
        const ends = await cluster.stableEnds(topic);
        return Array.from(ends, ([partition, { low, high }]) => ({
          partition,
          from: low,
          until: high,
        })).toSorted((a, b) => a.partition - b.partition);
      }, stopping),

    offsetAt: (topic, partition, timeMs, stopping) =>
      tried(() => cluster.offsetAt(topic, partition, timeMs), stopping),

    read: async function* read(topic, { partition, from, until }, stopping) {
      for (let at = from, silent = 0; at < until;) {
        if (stopping?.aborted === true) return;
        try {
          const fetched = await fetchAt(topic, partition, at, stopping);
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
        } catch (error) {
          if (!isOutOfRange(error)) throw error;
          const beginning = await beginningOf(topic, partition);
          // Ahead of the log: it was truncated or recreated, and has nothing of the range.
          if (beginning <= at) return;
          at = beginning;
        }
      }
    },

    close: () => cluster.close(),
  };
}

/** Retries with new metadata: a leader may have moved. */
async function withRetries<T>(
  cluster: ClusterAccess,
  call: () => Promise<T>,
  stopping?: AbortSignal,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call();
    } catch (error) {
      if (isOutOfRange(error)) throw error;
      if (tries === TRIES || stopping?.aborted === true) throw kafkaFailure(error);
      await delay(tries * 100);
      cluster.refresh();
    }
  }
}
