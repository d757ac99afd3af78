import { setTimeout as delay } from "node:timers/promises";
import kafkajs from "kafkajs";
import type { KafkaClient } from "../kafka.ts";
import { withAdmin } from "../kafkajs/with-admin.ts";

export type WantedTopic = {
  readonly topic: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
  /**
   * Settings that a topic is created with and that the cluster's operators may change afterwards: a difference is
   * reported, and not corrected.
   */
  readonly firstConfig?: Readonly<Record<string, string>>;
};

export type TopicChange = {
  readonly topic: string;
  /** Descriptions of the changes; empty if the topic was as wanted. */
  readonly changes: readonly string[];
  /** Settings that differ and were left unchanged. */
  readonly left: readonly { readonly name: string; readonly is: string; readonly wanted: string }[];
};

/**
 * Creates missing topics, adds partitions, and corrects configuration except `firstConfig`. It never removes partitions.
 * With three brokers or more, topics get three replicas, of which two must be in sync.
 * @throws {TransientError} when Kafka is unavailable
 * @throws {FatalError} when Kafka rejects the request
 */
export async function ensureTopics(options: {
  kafka: KafkaClient;
  topics: readonly WantedTopic[];
}): Promise<TopicChange[]> {
  return withAdmin(options.kafka, async (admin) => {
    const replication = replicationFor((await admin.describeCluster()).brokers.length);
    const existing = new Set(await admin.listTopics());
    const missing = options.topics.filter(({ topic }) => !existing.has(topic));
    if (missing.length > 0) {
      await admin.createTopics({
        // kafkajs gives up at the first broker that has not heard of the topic yet; `untilLeadersReady` tries again.
        waitForLeaders: false,
        topics: missing.map(({ topic, partitions, config, firstConfig }) => ({
          topic,
          numPartitions: partitions,
          replicationFactor: replication.factor,
          configEntries: entriesOf({ ...config, ...firstConfig, ...replication.config }),
        })),
      });
      for (const { topic, partitions } of missing)
        await untilLeadersReady(admin, topic, partitions);
    }
    const present = options.topics.filter(({ topic }) => existing.has(topic));
    const changed = new Map<string, Omit<TopicChange, "topic">>();
    for (const topic of present) changed.set(topic.topic, await adjust(admin, topic));
    const replicas = `${replication.factor} replica${replication.factor === 1 ? "" : "s"}`;
    return options.topics.map(({ topic, partitions }) => {
      const created = `created with ${partitions} partitions and ${replicas}`;
      return Object.assign({ topic }, changed.get(topic) ?? { changes: [created], left: [] });
    });
  });
}

/**
 * A topic's leaders are in the metadata before they know of it themselves: until then they refuse records.
 * @throws the client's last error when a leader still refuses after 20 s
 */
async function untilLeadersReady(admin: Admin, topic: string, partitions: number): Promise<void> {
  const giveUpAtMs = performance.now() + LEADERS_READY_WITHIN_MS;
  for (;;) {
    try {
      const offsets = await admin.fetchTopicOffsets(topic);
      if (offsets.length >= partitions) return;
      throw new Error(`${offsets.length} of ${partitions} partitions of ${topic} have a leader`);
    } catch (error) {
      if (performance.now() > giveUpAtMs) throw error;
      await delay(50);
    }
  }
}

const LEADERS_READY_WITHIN_MS = 20_000;

type Admin = ReturnType<KafkaClient["admin"]>;

async function adjust(admin: Admin, wanted: WantedTopic): Promise<Omit<TopicChange, "topic">> {
  const { topic, partitions, config, firstConfig = {} } = wanted;
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
    // The call replaces all of a topic's own settings, so it has to include those that an operator has added.
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
  const left = Object.entries(firstConfig)
    .filter(([name, value]) => current.get(name) !== value)
    .map(([name, value]) => ({ name, is: current.get(name) ?? "not set", wanted: value }));
  return { changes, left };
}

const replicationFor = (brokers: number) =>
  brokers >= 3 ? { factor: 3, config: { "min.insync.replicas": "2" } } : { factor: 1, config: {} };

const entriesOf = (config: Readonly<Record<string, string>>) =>
  Object.entries(config).map(([name, value]) => ({ name, value }));
