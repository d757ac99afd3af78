import { kafkaAccess, registryAccess } from "@fiberstream/kafka/access";
import { createKafka, type KafkaClient } from "@fiberstream/kafka/kafka";
import { createSchemaRegistry, type SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { kafkaSettings } from "@fiberstream/kafka/settings";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { connectTopicReader, type TopicReader } from "@fiberstream/kafka/topic-reader";
import { readConfig } from "@fiberstream/runtime/config";
import { createLog } from "@fiberstream/runtime/log";
import { type DeadLetter, type DeadLetterFilter, matches, readDeadLetter } from "./dead-letters.ts";

export type DeadLetterAccess = {
  readonly kafka: KafkaClient;
  readonly namespace: string;
  readonly topic: string;
  readonly reader: TopicReader;
  readonly registry: SchemaRegistry;
};

/** Runs `work` with the dead-letter topic of the cluster at KAFKA_BROKERS. */
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

/** The dead letters that a filter takes, oldest first within each partition. */
export async function* readDeadLetters(
  { reader, topic }: Pick<DeadLetterAccess, "reader" | "topic">,
  filter: DeadLetterFilter,
): AsyncGenerator<DeadLetter> {
  for (const stretch of await reader.ranges(topic)) {
    for await (const records of reader.read(topic, stretch)) {
      for (const record of records) {
        const deadLetter = readDeadLetter(stretch.partition, record);
        if (matches(deadLetter, filter)) yield deadLetter;
      }
    }
  }
}

/** What a dead letter's record says where its schema tells, else its bytes in hex. */
export async function describeValue(
  registry: SchemaRegistry,
  { record: { value }, schemaId }: DeadLetter,
): Promise<{ decoded: unknown } | { hex: string | null }> {
  if (value === null) return { hex: null };
  const hex = { hex: value.toString("hex") };
  if (schemaId === undefined) return hex;
  try {
    const writer = await registry.writerType(schemaId);
    return writer.kind === "dead" ? hex : { decoded: writer.value.fromBuffer(value.subarray(5)) };
  } catch {
    // Not what its schema says, which may be why it is here; or the registry is away.
    return hex;
  }
}
