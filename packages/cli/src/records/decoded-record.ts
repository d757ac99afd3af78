import type { IncomingRecord } from "@fiberstream/kafka/records";
import type { SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { schemaIdOf, WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import type { TopicName } from "@fiberstream/schemas/topics";
import { headerText, readDeadLetter } from "@fiberstream/kafka/dead-letters";
import { isoMicros, TIME_FIELDS } from "./micros.ts";
import { schemaOf } from "./topic-access.ts";
import type { Look } from "@fiberstream/conditions/where-values";

/** A record with its value decoded. */
export type SeenRecord = {
  readonly partition: number;
  readonly record: IncomingRecord;
  readonly key: string | null;
  /** If the value cannot be decoded: `fault` and `bytes`. Undefined: the record is a tombstone, which deletes its key. */
  readonly fields: Readonly<Record<string, unknown>> | undefined;
};

/** Names that every record has, in addition to the fields of its value. */
const OWN_NAMES = ["key", "partition", "offset"] as const;

/** The fields of a dead letter; `record` is the original record. */
const DEAD_LETTER_NAMES = [
  "failed_at",
  "failure_class",
  "reason",
  "origin_topic",
  "origin_partition",
  "origin_offset",
  "service",
  "replays",
  "record",
] as const;

/** Returns the names that a condition on a topic's records may use; undefined: any. */
export function namesIn(catalogueName: TopicName | undefined): readonly string[] | undefined {
  if (catalogueName === "probe.metrics.dead-letter") return [...DEAD_LETTER_NAMES, ...OWN_NAMES];
  const schema = schemaOf(catalogueName);
  return schema && [...schema.fields.map(({ name }) => name), ...OWN_NAMES];
}

export const fieldLookup =
  ({ fields, partition, record, key }: SeenRecord): Look =>
  (name) => {
    if (fields !== undefined && Object.hasOwn(fields, name)) return fields[name];
    if (name === "key") return key;
    if (name === "partition") return partition;
    return name === "offset" ? Number(record.offset) : null;
  };

/**
 * Creates a function that decodes records with the schema of their writer. It throws a TransientError when the
 * registry is unavailable.
 */
export function createRecordReader(options: {
  registry: Pick<SchemaRegistry, "writerType">;
  catalogueName: TopicName | undefined;
}): (partition: number, record: IncomingRecord) => Promise<SeenRecord> {
  const isDeadLetter = options.catalogueName === "probe.metrics.dead-letter";
  return async (partition, record) => {
    const decoded = await decode(options.registry, record.value);
    const fields = isDeadLetter ? deadLetterFields(partition, record, decoded) : decoded;
    return { partition, record, key: record.key && String(record.key), fields };
  };
}

type Fields = Record<string, unknown>;

async function decode(
  registry: Pick<SchemaRegistry, "writerType">,
  value: Buffer | null,
): Promise<Fields | undefined> {
  if (value === null) return undefined;
  const schemaId = schemaIdOf(value);
  const bytes = value.toString("hex");
  if (schemaId === undefined) return { fault: "not in the registry's wire format", bytes };
  const writer = await registry.writerType(schemaId);
  if (writer.kind === "dead") return { fault: writer.reason.message, bytes };
  try {
    return writer.value.fromBuffer(value.subarray(WIRE_PREFIX_BYTES)) as Fields;
  } catch {
    return { fault: `does not match schema ${schemaId}`, bytes };
  }
}

function deadLetterFields(partition: number, record: IncomingRecord, decoded: Fields | undefined) {
  const deadLetter = readDeadLetter(partition, record);
  return {
    failed_at: deadLetter.failedAt,
    failure_class: deadLetter.failureClass,
    reason: deadLetter.reason,
    origin_topic: deadLetter.origin.topic,
    origin_partition: deadLetter.origin.partition,
    origin_offset: deadLetter.origin.offset,
    service: deadLetter.service,
    replays: deadLetter.replays,
    record: decoded ?? null,
  } satisfies Record<(typeof DEAD_LETTER_NAMES)[number], unknown>;
}

/** Returns a record for JSON: times in ISO 8601, headers as text. */
export function plainRecord({ partition, record, key, fields }: SeenRecord) {
  const headers = Object.keys(record.headers ?? {}).map(
    (name) => [name, headerText(record.headers, name) ?? ""] as const,
  );
  return {
    partition,
    offset: Number(record.offset),
    timestamp: new Date(Number(record.timestamp)).toISOString(),
    key,
    headers: Object.fromEntries(headers),
    value: fields === undefined ? null : withTimes(fields),
  };
}

/** Returns one field for display: a time in ISO 8601. */
export const cellOf = (seen: SeenRecord, name: string): unknown =>
  shownTime(name, fieldLookup(seen)(name));

/** Returns the same fields, with times in ISO 8601. */
function withTimes(fields: Readonly<Fields>): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, shownTime(name, value)]),
  );
}

function shownTime(name: string, value: unknown): unknown {
  if (typeof value === "number" && TIME_FIELDS.has(name)) return isoMicros(value);
  return name === "record" && typeof value === "object" && value !== null
    ? withTimes(value as Fields)
    : value;
}
