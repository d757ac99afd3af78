import type { KafkaClient } from "../kafka.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";

/**
 * Returns how many partitions each topic has, in the order of `topics`.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function partitionCounts(options: {
  kafka: KafkaClient;
  topics: readonly string[];
}): Promise<number[]> {
  const admin = options.kafka.admin();
  try {
    await admin.connect();
    const { topics } = await admin.fetchTopicMetadata({ topics: [...options.topics] });
    const counts = new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
    return options.topics.map((topic) => counts.get(topic) ?? 0);
  } catch (error) {
    throw kafkaFailure(error);
  } finally {
    await admin.disconnect();
  }
}
