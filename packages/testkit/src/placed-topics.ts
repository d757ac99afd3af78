import { createKafka } from "@fiberstream/kafka/kafka";
import { partitionOfKey } from "@fiberstream/kafka/murmur2";
import { createLog } from "@fiberstream/runtime/log";
import { until } from "./until.ts";

/**
 * Creates topics whose replicas are where a test needs them; one in-sync replica is enough for a write. Waits until all
 * leaders answer: a broker may be named as a leader before it knows of it, and kafkajs's own wait fails at the first
 * broker that does not know the topic yet.
 *
 * @param options.topics by name, for each partition the ids of its brokers, the preferred leader first
 */
export async function createPlacedTopics(options: {
  brokers: readonly string[];
  topics: Readonly<Record<string, readonly (readonly number[])[]>>;
  config?: Readonly<Record<string, string>>;
}): Promise<void> {
  const log = createLog({ service: "testkit", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: options.brokers, clientId: "testkit", log });
  const config = { "min.insync.replicas": "1", ...options.config };
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  const topics = Object.entries(options.topics);
  const admin = kafka.admin();
  await admin.connect();
  try {
    await admin.createTopics({
      waitForLeaders: false,
      topics: topics.map(([topic, partitions]) => ({
        topic,
        configEntries,
        replicaAssignment: partitions.map((replicas, partition) => ({
          partition,
          replicas: [...replicas],
        })),
      })),
    });
    for (const [topic, { length }] of topics) {
      const answered = async () => (await admin.fetchTopicOffsets(topic)).length === length;
      await until(answered, { what: `all leaders of ${topic} answer` });
    }
  } finally {
    await admin.disconnect();
  }
}

/** Returns a key whose records go to this partition of a topic. */
export function keyOfPartition(partition: number, partitions: number): string {
  for (let number = 0; ; number++) {
    const key = `key-${number}`;
    if (partitionOfKey(Buffer.from(key), partitions) === partition) return key;
  }
}
