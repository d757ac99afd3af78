import { setTimeout as delay } from "node:timers/promises";
import {
  type ClusterAccess,
  connectCluster,
  isOutOfRange,
} from "@fiberstream/kafka/cluster-access";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import type { IncomingRecord } from "@fiberstream/kafka/records";
import { messageOf } from "@fiberstream/runtime/errors";
import { retryDelayMs } from "@fiberstream/runtime/retry";

export type PartitionRecord = { readonly partition: number; readonly record: IncomingRecord };

const MAX_WAIT_MS = 500;

/**
 * Yields the committed records of a topic from given offsets on, and then new ones as they arrive. Records of one
 * fetch are ordered by timestamp. It uses no consumer group, so it leaves nothing on the cluster. While Kafka is
 * unavailable it retries, and resumes where it was.
 *
 * @param options.from the first offset to read, by partition
 * @param options.ends the offset before which to stop, by partition; undefined: without end
 * @param options.onUnavailable is called with the reason, once each time that Kafka becomes unavailable
 * @throws {Error} when Kafka has deleted the records to be read
 */
export async function* followFrom(options: {
  kafka: KafkaClient;
  topic: string;
  from: ReadonlyMap<number, bigint>;
  ends: ReadonlyMap<number, bigint> | undefined;
  stopping: AbortSignal;
  onUnavailable: (reason: string) => void;
}): AsyncGenerator<readonly PartitionRecord[]> {
  const { kafka, topic, ends, stopping, onUnavailable } = options;
  const positions = new Map(options.from);
  const endOf = (partition: number) => ends?.get(partition);
  const dropDone = () => {
    for (const [partition, at] of positions) {
      const end = endOf(partition);
      if (end !== undefined && at >= end) positions.delete(partition);
    }
  };
  let cluster: ClusterAccess | undefined;
  let failures = 0;
  try {
    for (dropDone(); positions.size > 0 && !stopping.aborted; dropDone()) {
      try {
        cluster ??= connectCluster(kafka);
        const fetched = await cluster.fetch(topic, positions, { maxWaitMs: MAX_WAIT_MS });
        failures = 0;
        const batch = fetched.flatMap(({ partition, records }) =>
          records
            .filter(({ offset }) => BigInt(offset) < (endOf(partition) ?? BigInt(offset) + 1n))
            .map((record) => ({ partition, record })),
        );
        for (const { partition, nextOffset } of fetched) positions.set(partition, nextOffset);
        if (batch.length > 0) yield batch.toSorted(byTimestamp);
      } catch (error) {
        if (isOutOfRange(error)) throw error;
        failures++;
        if (failures === 1) onUnavailable(messageOf(error));
        await cluster?.close().catch(() => undefined);
        cluster = undefined;
        const untilStopped = { signal: stopping };
        await delay(retryDelayMs(failures), undefined, untilStopped).catch(() => undefined);
      }
    }
  } finally {
    await cluster?.close().catch(() => undefined);
  }
}

const byTimestamp = (a: PartitionRecord, b: PartitionRecord): number =>
  Number(a.record.timestamp) - Number(b.record.timestamp);
