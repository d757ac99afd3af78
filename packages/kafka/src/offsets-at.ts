import type { KafkaClient } from "./kafka.ts";
import { kafkaFailure } from "./kafka-errors.ts";

/** What a cluster has of a partition: records from `low` to below `high`. */
export type PartitionOffsets = {
  readonly partition: number;
  readonly low: bigint;
  readonly high: bigint;
  /** The first record at or after the time asked for; undefined when there is none. */
  readonly atTime: bigint | undefined;
};

/**
 * @param options.timeMs ms since 1970, by the records' timestamps
 * @throws {TransientError} when Kafka is away @throws {FatalError}
 */
export async function offsetsAt(options: {
  kafka: KafkaClient;
  topic: string;
  timeMs: number;
}): Promise<PartitionOffsets[]> {
  const { topic, timeMs } = options;
  const admin = options.kafka.admin();
  try {
    await admin.connect();
    // One after the other: a call that goes on when another has failed connects anew, and nobody ends that.
    // The ends last: what is found by time is then below them.
    const atTimes = await admin.fetchTopicOffsetsByTimestamp(topic, timeMs);
    const ends = await admin.fetchTopicOffsets(topic);
    const atTimeOf = new Map(atTimes.map(({ partition, offset }) => [partition, BigInt(offset)]));
    return ends.map(({ partition, low, high }) => ({
      partition,
      low: BigInt(low),
      high: BigInt(high),
      atTime: atTimeOf.get(partition),
    }));
  } catch (error) {
    throw kafkaFailure(error);
  } finally {
    await admin.disconnect();
  }
}
