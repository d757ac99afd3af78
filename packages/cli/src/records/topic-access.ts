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

/** What the environment says of where topics are; nothing connects before it is used. */
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

/** A topic that somebody has named. */
export type NamedTopic = {
  /** As it is called on the cluster. */
  readonly topic: string;
  /** Its name in the catalogue; undefined when it is somebody's own. */
  readonly catalogueName: TopicName | undefined;
};

/** A name of the catalogue means this installation's topic, any other one is taken as it is. */
export function namedTopic(namespace: string, name: string): NamedTopic {
  const bare = name.startsWith(namespace) ? name.slice(namespace.length) : name;
  if (!Object.hasOwn(TOPICS, bare)) return { topic: name, catalogueName: undefined };
  const catalogueName = bare as TopicName;
  return { topic: topicIn(namespace, catalogueName), catalogueName };
}

/** The schema that the catalogue has of a topic's values. */
export function schemaOf(catalogueName: TopicName | undefined): RecordSchema | undefined {
  if (catalogueName === undefined) return undefined;
  const { value }: Topic = TOPICS[catalogueName];
  return typeof value === "string" ? undefined : readAvroSchema(value.avro);
}
