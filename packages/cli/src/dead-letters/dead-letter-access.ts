import { kafkaAccess, registryAccess } from "@fiberstream/kafka/access";
import {
  type DeadLetter,
  type DeadLetterFilter,
  matches,
  readDeadLetter,
} from "@fiberstream/kafka/dead-letters";
import { createKafka, type KafkaClient } from "@fiberstream/kafka/kafka";
import { createSchemaRegistry, type SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { kafkaSettings } from "@fiberstream/kafka/settings";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { connectTopicReader, type TopicReader } from "@fiberstream/kafka/topic-reader";
import { readConfig } from "@fiberstream/runtime/config";
import { createLog } from "@fiberstream/runtime/log";

export type DeadLetterAccess = {
  readonly kafka: KafkaClient;
  readonly namespace: string;
  readonly topic: string;
  readonly reader: TopicReader;
  readonly registry: SchemaRegistry;
};

/** Runs `work` with access to the dead-letter topic of the cluster at KAFKA_BROKERS. */
export async function withDeadLetters<T>(
  work: (access: DeadLetterAccess) => Promise<T>,
): Promise<T> {
  const config = readConfig(kafkaSettings());
  const { namespace } = config;
  const log = createLog({ service: "fiber", level: "fatal", format: "auto" });
  const kafka = createKafka({ ...kafkaAccess(config), clientId: "fiber", log });
  const reader = await connectTopicReader({ kafka });
  try {
    const topic = topicIn(namespace, "probe.metrics.dead-letter");
    const registry = createSchemaRegistry(registryAccess(config));
    return await work({ kafka, namespace, topic, reader, registry });
  } finally {
    await reader.close();
  }
}

/** Yields the dead letters that match a filter, the oldest of each partition first. */
export async function* readDeadLetters(
  { reader, topic }: Pick<DeadLetterAccess, "reader" | "topic">,
  filter: DeadLetterFilter,
): AsyncGenerator<DeadLetter> {
  for (const offsetRange of await reader.ranges(topic)) {
    for await (const records of reader.read(topic, offsetRange)) {
      for (const record of records) {
        const deadLetter = readDeadLetter(offsetRange.partition, record);
        if (matches(deadLetter, filter)) yield deadLetter;
      }
    }
  }
}
