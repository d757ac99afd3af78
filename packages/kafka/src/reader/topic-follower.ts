import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { retryDelayMs } from "@fiberstream/runtime/retry";
import { type ClusterAccess, connectCluster, isOutOfRange } from "./cluster-access.ts";
import type { KafkaClient } from "../kafka.ts";
import type { IncomingRecord } from "../records.ts";

export type TopicFollower = {
  /** Settles when all records have been read that the topic had at the first fetch. */
  readonly caughtUp: Promise<void>;
  close: () => Promise<void>;
};

const MAX_WAIT_MS = 500;
/** How often the metadata is read: partitions may be added, and the topic recreated. */
const REFRESH_EVERY_MS = 5_000;

/**
 * Reads a whole topic and then follows it, independently in every process, to fill a cache. When Kafka was unavailable, it
 * resumes where it was. Never throws.
 *
 * @param options.onRecords called with a partition's records in order; not called again before it settles. If it throws, it
 *   gets the same records again, or those from where `resumeAt` says then
 * @param options.resumeAt returns stored positions of the topic with this id; partitions without one begin at their
 *   beginning, and so do all if Kafka does not have what is at a position
 */
export function followTopic(options: {
  kafka: KafkaClient;
  topic: string;
  onRecords: (records: readonly IncomingRecord[], partition: number) => void | Promise<void>;
  resumeAt?: (topicId: string) => Promise<ReadonlyMap<number, bigint>>;
  log: Log;
}): TopicFollower {
  const { kafka, topic, resumeAt, log } = options;
  const ending = new AbortController();
  const caughtUp = Promise.withResolvers<void>();
  const positions = new Map<number, bigint>();
  const targets = new Map<number, bigint>();
  /** The topic id that the positions belong to. */
  let topicIdRead: string | undefined;
  let isFromBeginning = false;
  let refreshedMs = performance.now();

  /** Starts new partitions at their beginning, and all partitions if the topic was recreated. */
  const updatePositions = async (cluster: ClusterAccess) => {
    if (performance.now() - refreshedMs > REFRESH_EVERY_MS) {
      refreshedMs = performance.now();
      cluster.refresh();
    }
    const { topicId, partitions } = await cluster.topic(topic);
    if (topicId !== topicIdRead) {
      positions.clear();
      targets.clear();
      topicIdRead = topicId;
    }
    if (partitions.every((partition) => positions.has(partition))) return;
    const stored = isFromBeginning ? undefined : await resumeAt?.(topicId);
    isFromBeginning = false;
    for (const [partition, beginning] of await cluster.beginnings(topic)) {
      const at = stored?.get(partition) ?? beginning;
      if (!positions.has(partition)) positions.set(partition, at > beginning ? at : beginning);
    }
  };

  const round = async (cluster: ClusterAccess) => {
    await updatePositions(cluster);
    for (const fetched of await cluster.fetch(topic, positions, { maxWaitMs: MAX_WAIT_MS })) {
      if (!targets.has(fetched.partition)) targets.set(fetched.partition, fetched.highWatermark);
      if (fetched.records.length > 0) await options.onRecords(fetched.records, fetched.partition);
      positions.set(fetched.partition, fetched.nextOffset);
    }
    const isBehind = ([partition, at]: [number, bigint]) =>
      at < (targets.get(partition) ?? at + 1n);
    if (positions.size > 0 && ![...positions].some(isBehind)) caughtUp.resolve();
  };

  const run = async () => {
    const cluster = connectCluster(kafka);
    for (let failures = 0; !ending.signal.aborted;) {
      try {
        await round(cluster);
        failures = 0;
      } catch (error) {
        // Records were deleted or lost: the topic is read again.
        isFromBeginning = isOutOfRange(error);
        if (isFromBeginning || resumeAt !== undefined) positions.clear();
        failures++;
        log.warn({ topic, failures, reason: messageOf(error) }, "cannot read topic, retrying");
        await delay(retryDelayMs(failures), undefined, { signal: ending.signal }).catch(
          () => undefined,
        );
      }
    }
    await cluster.close();
  };

  const ended = run();
  return {
    caughtUp: caughtUp.promise,
    close: async () => {
      ending.abort();
      await ended;
    },
  };
}
