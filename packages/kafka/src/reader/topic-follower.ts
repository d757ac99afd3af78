import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { retryDelayMs } from "@fiberstream/runtime/retry";
import { type ClusterAccess, connectCluster, isOutOfRange } from "./cluster-access.ts";
import type { KafkaClient } from "../kafka.ts";
import type { IncomingRecord } from "../records.ts";

export type TopicFollower = {
  /** Settles when everything is read that the topic held at the first fetch. */
  readonly caughtUp: Promise<void>;
  close: () => Promise<void>;
};

const MAX_WAIT_MS = 500;
/** Partitions may be added, and the topic made anew. */
const LOOK_EVERY_MS = 5_000;

/**
 * Reads a whole topic and then what comes, in every process for itself: what a cache is made of. Kafka
 * away: it goes on when Kafka is back, from where it was. Never throws.
 *
 * @param options.onRecords given a partition's records in order; not called again before it settles
 */
export function followTopic(options: {
  kafka: KafkaClient;
  topic: string;
  onRecords: (records: readonly IncomingRecord[], partition: number) => void | Promise<void>;
  log: Log;
}): TopicFollower {
  const { kafka, topic, log } = options;
  const ending = new AbortController();
  const caughtUp = Promise.withResolvers<void>();
  const positions = new Map<number, bigint>();
  const goals = new Map<number, bigint>();
  /** The topic's id, of which log the positions are. */
  let logRead: string | undefined;
  let lookedMs = performance.now();

  /** New partitions are read from their beginning, and all of them where the topic is another log. */
  const place = async (cluster: ClusterAccess) => {
    if (performance.now() - lookedMs > LOOK_EVERY_MS) {
      lookedMs = performance.now();
      cluster.refresh();
    }
    const { topicId, partitions } = await cluster.topic(topic);
    if (topicId !== logRead) {
      positions.clear();
      goals.clear();
      logRead = topicId;
    }
    if (partitions.every((partition) => positions.has(partition))) return;
    for (const [partition, at] of await cluster.beginnings(topic)) {
      if (!positions.has(partition)) positions.set(partition, at);
    }
  };

  const round = async (cluster: ClusterAccess) => {
    await place(cluster);
    for (const part of await cluster.fetch(topic, positions, { maxWaitMs: MAX_WAIT_MS })) {
      if (!goals.has(part.partition)) goals.set(part.partition, part.highWatermark);
      if (part.records.length > 0) await options.onRecords(part.records, part.partition);
      positions.set(part.partition, part.nextOffset);
    }
    const isBehind = ([partition, at]: [number, bigint]) => at < (goals.get(partition) ?? at + 1n);
    if (positions.size > 0 && ![...positions].some(isBehind)) caughtUp.resolve();
  };

  const run = async () => {
    const cluster = connectCluster(kafka);
    for (let failures = 0; !ending.signal.aborted;) {
      try {
        await round(cluster);
        failures = 0;
      } catch (error) {
        // The topic was cut: what it holds now is read again.
        if (isOutOfRange(error)) positions.clear();
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
