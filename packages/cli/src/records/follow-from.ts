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

export type PlacedRecord = { readonly partition: number; readonly record: IncomingRecord };

const MAX_WAIT_MS = 500;

/**
 * The committed records of a topic from some offsets on, and then what comes; those of one fetch in the
 * order of their timestamps. Of no group: nothing of it is left on the cluster. While Kafka is away it
 * tries again, and goes on where it was.
 *
 * @param options.from by partition, the first offset to read
 * @param options.goals by partition, the first offset that is not read any more; undefined: without end
 * @param options.onAway is told why, once each time that Kafka goes away
 * @throws {Error} when Kafka has deleted what was to be read
 */
export async function* followFrom(options: {
  kafka: KafkaClient;
  topic: string;
  from: ReadonlyMap<number, bigint>;
  goals: ReadonlyMap<number, bigint> | undefined;
  stopping: AbortSignal;
  onAway: (reason: string) => void;
}): AsyncGenerator<readonly PlacedRecord[]> {
  const { kafka, topic, goals, stopping, onAway } = options;
  const positions = new Map(options.from);
  const endOf = (partition: number) => goals?.get(partition);
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
        const parts = await cluster.fetch(topic, positions, { maxWaitMs: MAX_WAIT_MS });
        failures = 0;
        const placed = parts.flatMap(({ partition, records }) =>
          records
            .filter(({ offset }) => BigInt(offset) < (endOf(partition) ?? BigInt(offset) + 1n))
            .map((record) => ({ partition, record })),
        );
        for (const { partition, nextOffset } of parts) positions.set(partition, nextOffset);
        if (placed.length > 0) yield placed.toSorted(byTimestamp);
      } catch (error) {
        if (isOutOfRange(error)) throw error;
        failures++;
        if (failures === 1) onAway(messageOf(error));
        await cluster?.close().catch(() => undefined);
        cluster = undefined;
        const again = { signal: stopping };
        await delay(retryDelayMs(failures), undefined, again).catch(() => undefined);
      }
    }
  } finally {
    await cluster?.close().catch(() => undefined);
  }
}

const byTimestamp = (a: PlacedRecord, b: PlacedRecord): number =>
  Number(a.record.timestamp) - Number(b.record.timestamp);
