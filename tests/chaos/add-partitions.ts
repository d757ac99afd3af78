import { createKafka } from "@fiberstream/kafka/kafka";
import { createLog } from "@fiberstream/runtime/log";
import { until } from "@fiberstream/testkit/until";

/** Downstream first: a record goes on to the partition of the same number. */
const GROWING = ["probe.metrics.enriched", "probe.alerts", "probe.metrics.raw"] as const;
const MORE = 2;
/** A broker that another fault has taken down comes back. */
const TRY_FOR_MS = 60_000;

/** Gives every topic of events two more partitions, as an operator would under load. */
export async function addPartitions(brokers: readonly string[]): Promise<void> {
  const log = createLog({ service: "chaos", level: "silent", format: "json" });
  const admin = createKafka({ brokers, clientId: "chaos", log }).admin();
  try {
    await until(() => admin.connect().then(() => true), {
      what: "the broker answers",
      timeoutMs: TRY_FOR_MS,
    });
    const { topics } = await admin.fetchTopicMetadata({ topics: [...GROWING] });
    for (const topic of GROWING) {
      const now = topics.find(({ name }) => name === topic)?.partitions.length ?? 0;
      await admin.createPartitions({ topicPartitions: [{ topic, count: now + MORE }] });
    }
  } finally {
    await admin.disconnect();
  }
}
