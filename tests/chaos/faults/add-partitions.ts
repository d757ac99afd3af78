import { withAdmin } from "./with-admin.ts";

/** Downstream topics first, because a record is produced to the partition with the same number. */
const GROWING = ["probe.metrics.enriched", "probe.alerts", "probe.metrics.raw"] as const;
const MORE = 2;

/** Adds two partitions to every topic of events, like an operator under load. */
export const addPartitions = (brokers: readonly string[]): Promise<void> =>
  withAdmin(brokers, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [...GROWING] });
    for (const topic of GROWING) {
      const now = topics.find(({ name }) => name === topic)?.partitions.length ?? 0;
      await admin.createPartitions({ topicPartitions: [{ topic, count: now + MORE }] });
    }
  });
