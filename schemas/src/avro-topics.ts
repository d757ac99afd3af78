import { readAvroSchema, type RecordSchema, type SchemaName } from "./avro-schema.ts";
import { type TopicName, TOPICS } from "./topics.ts";

/** A topic whose values have an Avro schema in the registry. */
export type AvroTopic = Exclude<TopicName, "probe.metrics.dead-letter" | "probe.reconciliation">;

/** In the catalogue's order: the raw topic comes before the enriched one. */
export const avroTopics = (): AvroTopic[] =>
  (Object.keys(TOPICS) as TopicName[]).filter(
    (name) => name !== "probe.metrics.dead-letter" && name !== "probe.reconciliation",
  );

export function schemaNameOf(topic: AvroTopic): SchemaName {
  return TOPICS[topic].value.avro;
}

/** The schemas of the working tree, by topic. */
export type SchemaTree = Readonly<Record<AvroTopic, RecordSchema>>;

export const readSchemaTree = (): SchemaTree =>
  Object.fromEntries(
    avroTopics().map((topic) => [topic, readAvroSchema(schemaNameOf(topic))]),
  ) as SchemaTree;
