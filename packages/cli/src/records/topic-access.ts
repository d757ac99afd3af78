import { kafkaAccess, registryAccess } from "@fiberstream/kafka/access";
import { createKafka, type KafkaClient } from "@fiberstream/kafka/kafka";
import { createSchemaRegistry, type SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { kafkaSettings } from "@fiberstream/kafka/settings";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { readConfig } from "@fiberstream/runtime/config";
import { createLog } from "@fiberstream/runtime/log";
import { readAvroSchema, type RecordSchema } from "@fiberstream/schemas/avro-schema";
import { type Topic, type TopicName, TOPICS } from "@fiberstream/schemas/topics";

export type TopicAccess = {
  readonly kafka: KafkaClient;
  readonly registry: SchemaRegistry;
  readonly schemaRegistryUrl: string;
  readonly namespace: string;
};

/** Creates clients for Kafka and the registry, by the settings in the environment. They connect when they are used. */
export function readTopicAccess(): TopicAccess {
  const config = readConfig(kafkaSettings());
  const log = createLog({ service: "fiber", level: "fatal", format: "auto" });
  return {
    kafka: createKafka({ ...kafkaAccess(config), clientId: "fiber", log }),
    registry: createSchemaRegistry(registryAccess(config)),
    schemaRegistryUrl: config.schemaRegistryUrl,
    namespace: config.namespace,
  };
}

/** A topic that a user named. */
export type NamedTopic = {
  /** Its name on the cluster. */
  readonly topic: string;
  /** Its name in the catalogue; undefined if it is not in the catalogue. */
  readonly catalogueName: TopicName | undefined;
};

/** Resolves a name: a name of the catalogue is the topic of this installation; any other name is used as it is. */
export function namedTopic(namespace: string, name: string): NamedTopic {
  const bare = name.startsWith(namespace) ? name.slice(namespace.length) : name;
  if (!Object.hasOwn(TOPICS, bare)) return { topic: name, catalogueName: undefined };
  const catalogueName = bare as TopicName;
  return { topic: topicIn(namespace, catalogueName), catalogueName };
}

/** Returns the schema of a topic's values in the catalogue. */
export function schemaOf(catalogueName: TopicName | undefined): RecordSchema | undefined {
  if (catalogueName === undefined) return undefined;
  const { value }: Topic = TOPICS[catalogueName];
  return typeof value === "string" ? undefined : readAvroSchema(value.avro);
}
