import type { KafkaClient } from "../kafka.ts";
import { withAdmin } from "../kafkajs/with-admin.ts";

/**
 * Returns how many partitions each topic has, in the order of `topics`.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function partitionCounts(options: {
  kafka: KafkaClient;
  topics: readonly string[];
}): Promise<number[]> {
  return withAdmin(options.kafka, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [...options.topics] });
    const counts = new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
    return options.topics.map((topic) => counts.get(topic) ?? 0);
  });
}
