import { readAvroSchema, type RecordSchema, type SchemaName } from "./avro-schema.ts";
import { type TopicName, TOPICS } from "./topics.ts";

const WITHOUT_SCHEMA = [
  "probe.metrics.dead-letter",
  "probe.reconciliation",
  "audit.checkpoints",
] as const satisfies readonly TopicName[];

/** A topic whose values have an Avro schema in the registry. */
export type AvroTopic = Exclude<TopicName, (typeof WITHOUT_SCHEMA)[number]>;

/** In the catalogue's order: the raw topic comes before the enriched one. */
export const avroTopics = (): AvroTopic[] => (Object.keys(TOPICS) as TopicName[]).filter(hasSchema);

const hasSchema = (name: TopicName): name is AvroTopic =>
  !(WITHOUT_SCHEMA as readonly TopicName[]).includes(name);

export function schemaNameOf(topic: AvroTopic): SchemaName {
  return TOPICS[topic].value.avro;
}

/** The schemas of the working tree, by topic. */
export type SchemaTree = Readonly<Record<AvroTopic, RecordSchema>>;

export const readSchemaTree = (): SchemaTree =>
  Object.fromEntries(
    avroTopics().map((topic) => [topic, readAvroSchema(schemaNameOf(topic))]),
  ) as SchemaTree;
