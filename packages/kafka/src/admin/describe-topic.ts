import type { KafkaClient } from "../kafka.ts";
import { isBrokersAnswer, typeOf } from "../errors/kafka-errors.ts";
import { createCluster } from "../kafkajs/kafkajs-cluster.ts";
import { describeLogDirs } from "./log-dirs.ts";
import { partitionEnds } from "./partition-ends.ts";
import { readConfig } from "./read-config.ts";
import { withAdmin } from "../kafkajs/with-admin.ts";

export type PartitionDescription = {
  readonly partition: number;
  /** The leader's broker id; negative without a leader. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
  /** Offsets from `low` to below `high`, transaction markers included; undefined without a leader. */
  readonly low: bigint | undefined;
  readonly high: bigint | undefined;
};

export type TopicDescription = {
  readonly partitions: readonly PartitionDescription[];
  /** On disk, over all replicas; undefined if this user lacks the permission, or a broker is unavailable. */
  readonly bytes: number | undefined;
  /** Its settings, with the brokers' defaults. */
  readonly config: ReadonlyMap<string, string>;
};

/**
 * Describes a topic.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function topicDescription(options: {
  kafka: KafkaClient;
  topic: string;
}): Promise<TopicDescription> {
  const { kafka, topic } = options;
  return withAdmin(kafka, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const metadata = topics[0]?.partitions ?? [];
    // One after the other: a call that still runs after another has failed would reconnect, and nobody would disconnect.
    const ends = await partitionEnds({ kafka, topic });
    const configs = await readConfig(admin, "TOPIC", [topic]);
    const brokers = new Set(metadata.flatMap(({ replicas }) => replicas));
    const bytes = await sizeOf({ kafka, topic, brokers });
    return {
      bytes,
      config: configs.get(topic) ?? NO_CONFIG,
      partitions: metadata
        .map(({ partitionId, leader, replicas, isr }) => ({
          partition: partitionId,
          leader,
          replicas,
          inSync: isr,
          low: ends.get(partitionId)?.low,
          high: ends.get(partitionId)?.high,
        }))
        .toSorted((a, b) => a.partition - b.partition),
    };
  });
}

const NO_CONFIG: ReadonlyMap<string, string> = new Map();

async function sizeOf(options: {
  kafka: KafkaClient;
  topic: string;
  brokers: ReadonlySet<number>;
}): Promise<number | undefined> {
  const cluster = createCluster(options.kafka);
  let bytes = 0;
  try {
    await cluster.connect();
    await cluster.refreshMetadata();
    for (const nodeId of options.brokers) {
      const dirs = await describeLogDirs(await cluster.findBroker({ nodeId }));
      for (const { topics } of dirs) {
        bytes += topics.find(({ topic }) => topic === options.topic)?.bytes ?? 0;
      }
    }
    return bytes;
  } catch (error) {
    if (isBrokersAnswer(error) || typeOf(error) === "KafkaJSBrokerNotFound") return undefined;
    throw error;
  } finally {
    await cluster.disconnect();
  }
}
