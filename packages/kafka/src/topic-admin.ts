import { setTimeout as delay } from "node:timers/promises";
import kafkajs from "kafkajs";
import type { KafkaClient } from "./kafka.ts";
import { kafkaFailure } from "./kafka-errors.ts";

export type WantedTopic = {
  readonly topic: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
};

export type TopicChange = {
  readonly topic: string;
  /** What was done, in words; empty when the topic was as wanted. */
  readonly changes: readonly string[];
};

/**
 * Creates topics that are missing, adds partitions and sets configuration where they differ.
 * Partitions are never taken away. Three replicas, two of them in sync, where there are three brokers.
 * @throws {TransientError} when Kafka is away @throws {FatalError} when it refuses
 */
export async function ensureTopics(options: {
  kafka: KafkaClient;
  topics: readonly WantedTopic[];
}): Promise<TopicChange[]> {
  const admin = options.kafka.admin();
  try {
    await admin.connect();
    const replication = replicationFor((await admin.describeCluster()).brokers.length);
    const existing = new Set(await admin.listTopics());
    const missing = options.topics.filter(({ topic }) => !existing.has(topic));
    if (missing.length > 0) {
      await admin.createTopics({
        waitForLeaders: true,
        topics: missing.map(({ topic, partitions, config }) => ({
          topic,
          numPartitions: partitions,
          replicationFactor: replication.factor,
          configEntries: entriesOf({ ...config, ...replication.config }),
        })),
      });
      for (const { topic } of missing) await untilLed(admin, topic);
    }
    const present = options.topics.filter(({ topic }) => existing.has(topic));
    const changed = new Map<string, string[]>();
    for (const topic of present) changed.set(topic.topic, await adjust(admin, topic));
    return options.topics.map(({ topic, partitions }) => ({
      topic,
      changes: changed.get(topic) ?? [
        `created with ${partitions} partitions and ${replication.factor} replica${replication.factor === 1 ? "" : "s"}`,
      ],
    }));
  } catch (error) {
    throw kafkaFailure(error);
  } finally {
    await admin.disconnect();
  }
}

/**
 * A topic's leaders are in the metadata before they know of it themselves: until then they refuse records.
 * @throws the client's last error when a leader still refuses after 10 s
 */
async function untilLed(admin: Admin, topic: string): Promise<void> {
  const giveUpAtMs = performance.now() + LED_WITHIN_MS;
  for (;;) {
    try {
      await admin.fetchTopicOffsets(topic);
      return;
    } catch (error) {
      if (performance.now() > giveUpAtMs) throw error;
      await delay(50);
    }
  }
}

const LED_WITHIN_MS = 10_000;

type Admin = ReturnType<KafkaClient["admin"]>;

async function adjust(admin: Admin, wanted: WantedTopic): Promise<string[]> {
  const { topic, partitions, config } = wanted;
  const changes: string[] = [];
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const before = topics[0]?.partitions.length ?? 0;
  if (before < partitions) {
    await admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] });
    changes.push(`partitions ${before} -> ${partitions}`);
  }
  const described = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }],
  });
  const current = new Map(
    described.resources[0]?.configEntries.map((entry) => [entry.configName, entry.configValue]),
  );
  const differing = Object.entries(config).filter(([name, value]) => current.get(name) !== value);
  if (differing.length > 0) {
    // The call replaces all of a topic's own settings: those that an operator has added are kept.
    const own = described.resources[0]?.configEntries
      .filter((entry) => !entry.isDefault && !entry.isSensitive && !entry.readOnly)
      .map((entry) => [entry.configName, entry.configValue] as const);
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: topic,
          configEntries: entriesOf({ ...Object.fromEntries(own ?? []), ...config }),
        },
      ],
    });
    for (const [name, value] of differing) {
      changes.push(`${name} ${current.get(name) ?? "not set"} -> ${value}`);
    }
  }
  return changes;
}

const replicationFor = (brokers: number) =>
  brokers >= 3 ? { factor: 3, config: { "min.insync.replicas": "2" } } : { factor: 1, config: {} };

const entriesOf = (config: Readonly<Record<string, string>>) =>
  Object.entries(config).map(([name, value]) => ({ name, value }));
