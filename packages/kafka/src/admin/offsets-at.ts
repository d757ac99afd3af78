import type { KafkaClient } from "../kafka.ts";
import { withAdmin } from "../kafkajs/with-admin.ts";

/** The offsets of a partition: records from `low` to below `high`. */
export type PartitionOffsets = {
  readonly partition: number;
  readonly low: bigint;
  readonly high: bigint;
  /** The first record at or after the given time; undefined if there is none. */
  readonly atTime: bigint | undefined;
};

/**
 * @param options.timeMs ms since 1970, by the records' timestamps
 * @throws {TransientError} when Kafka is unavailable
 * @throws {FatalError}
 */
export async function offsetsAt(options: {
  kafka: KafkaClient;
  topic: string;
  timeMs: number;
}): Promise<PartitionOffsets[]> {
  const { topic, timeMs } = options;
  return withAdmin(options.kafka, async (admin) => {
    const calls = [
      admin.fetchTopicOffsets(topic),
      admin.fetchTopicOffsetsByTimestamp(topic, timeMs),
    ] as const;
    // Waits for both: a call that still runs after the other has failed would reconnect, and nobody would disconnect.
    await Promise.allSettled(calls);
    const [ends, atTimes] = await Promise.all(calls);
    const atTimeOf = new Map(atTimes.map(({ partition, offset }) => [partition, BigInt(offset)]));
    return ends.map(({ partition, low, high }) => ({
      partition,
      low: BigInt(low),
      high: BigInt(high),
      atTime: atTimeOf.get(partition),
    }));
  });
}
