import type { RecordField } from "../avro-schema.ts";
import { type AvroTopic, avroTopics, readSchemaTree, schemaNameOf } from "../avro-topics.ts";
import { type HistoryEntry, historyOf } from "../evolution/changelog.ts";
import type { ReleasedRecord, ReleasedVersion } from "../released-versions.ts";
import { type Topic, type TopicName, TOPICS } from "../topics.ts";
import { patternText } from "../probe-fields.ts";
import { enumOf, typeText } from "../type-text.ts";

/** The contents of a topic's documentation, in all formats. */
export type CatalogueTopic = {
  readonly name: TopicName;
  /** Its entry in topics.ts. */
  readonly topic: Topic;
  /** Undefined for a topic without an Avro schema. */
  readonly record: CatalogueRecord | undefined;
};

export type CatalogueRecord = {
  readonly name: string;
  readonly doc: string;
  readonly subject: string;
  /** The contents of the .avsc file. */
  readonly schema: ReleasedVersion["schema"];
  readonly fields: readonly CatalogueField[];
  /** Newest version first. */
  readonly history: readonly HistoryEntry[];
  /** Written with the latest released version: a typical record and a minimal one. */
  readonly samples: readonly ReleasedRecord[];
};

export type CatalogueField = {
  readonly name: string;
  readonly type: string;
  readonly unit: string | undefined;
  /** The allowed values, in words; undefined when only the type limits them. */
  readonly range: string | undefined;
  readonly meaning: string;
  /** For an enum: its symbols and their meanings. */
  readonly symbols: readonly { readonly symbol: string; readonly meaning: string }[];
  /** JSON. */
  readonly example: string;
  /** JSON; undefined if the field has no default. */
  readonly fallback: string | undefined;
  /** The first released version with the field; undefined if there is none yet. */
  readonly since: number | undefined;
};

/** @param released all released versions */
export function readCatalogue(released: readonly ReleasedVersion[]): CatalogueTopic[] {
  const tree = readSchemaTree();
  const recordOf = (topic: AvroTopic): CatalogueRecord => {
    const versions = released.filter((one) => one.topic === topic);
    const schema = tree[topic];
    return {
      name: schemaNameOf(topic),
      doc: schema.doc,
      subject: `${topic}-value`,
      schema,
      fields: schema.fields.map((field) => fieldOf(field, versions)),
      history: historyOf(versions),
      samples: ["typical", "least"].flatMap(
        (name) => versions.at(-1)?.records.find((record) => record.name === name) ?? [],
      ),
    };
  };
  const withSchema = new Set<TopicName>(avroTopics());
  return (Object.entries(TOPICS) as [TopicName, Topic][]).map(([name, topic]) => ({
    name,
    topic,
    record: withSchema.has(name) ? recordOf(name as AvroTopic) : undefined,
  }));
}

function fieldOf(field: RecordField, versions: readonly ReleasedVersion[]): CatalogueField {
  const { name, type, doc, unit, example } = field;
  return {
    name,
    type: typeText(type),
    unit,
    range: rangeText(field),
    meaning: doc,
    symbols: symbolsOf(field),
    example: JSON.stringify(example),
    fallback: "default" in field ? JSON.stringify(field.default) : undefined,
    since: versions.find(({ schema }) => schema.fields.some((one) => one.name === name))?.version,
  };
}

function rangeText(field: RecordField): string | undefined {
  const { minLength = 0, maxLength, pattern, maxDepth, maxItems } = field;
  if (maxDepth !== undefined) return `at most ${maxDepth} levels deep`;
  if (pattern !== undefined) return patternText(pattern);
  if (maxLength !== undefined) return `${minLength} to ${maxLength} characters`;
  const values = valuesText(field);
  return maxItems === undefined ? values : `up to ${maxItems} items, each ${values}`;
}

function valuesText({ minimum, maximum }: RecordField): string | undefined {
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  if (minimum !== undefined) return `${minimum} or more`;
  return maximum === undefined ? undefined : `${maximum} or less`;
}

/** Splits an enum's doc, which has a clause for each symbol: "good: measured shortly before; late: …". */
function symbolsOf({ type }: RecordField): CatalogueField["symbols"] {
  const found = enumOf(type);
  if (found === undefined) return [];
  return found.symbols.map((symbol) => {
    const sentence = found.doc.split("; ").find((part) => part.startsWith(`${symbol}: `));
    return { symbol, meaning: (sentence ?? "").slice(symbol.length + 2).replace(/\.$/, "") };
  });
}
