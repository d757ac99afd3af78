import type { RecordSchema } from "./avro-schema.ts";
import { type AvroTopic, avroTopics, schemaNameOf, type SchemaTree } from "./avro-topics.ts";
import type { ReleasedVersion } from "./released-versions.ts";

/** A schema of the working tree that is not yet a released version. */
export type Unreleased = {
  readonly topic: AvroTopic;
  readonly schema: RecordSchema;
  /** The version that it would become. */
  readonly version: number;
  readonly latest: ReleasedVersion | undefined;
};

/** Compares the JSON text without white space: docs and units are part of a version, too. */
export function unreleasedOf(tree: SchemaTree, released: readonly ReleasedVersion[]): Unreleased[] {
  return avroTopics().flatMap((topic) => {
    const latest = released.findLast((one) => one.topic === topic);
    const schema = tree[topic];
    if (latest && JSON.stringify(latest.schema) === JSON.stringify(schema)) return [];
    return [{ topic, schema, version: (latest?.version ?? 0) + 1, latest }];
  });
}

/** Tells the author of the change what to do. */
export function unreleasedText({ topic, version, latest }: Unreleased): string {
  const since =
    latest === undefined
      ? ""
      : ` Its changes since version ${latest.version} are compatible with every consumer.`;
  return `schemas/avro/${schemaNameOf(topic)}.avsc: version ${version} of ${topic} is not released yet.${since}
  Do: npm run fiber -- schemas release --note "what the change is for", then npm run generate. That stores the version, with sample records, for the tests of later versions.`;
}
