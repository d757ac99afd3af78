import { readFileSync } from "node:fs";

/** The subset of Avro's schema language that the .avsc files use, with this project's own attributes. */
export type AvroSchema =
  PrimitiveName | AvroSchema[] | LongOrString | RecordSchema | EnumSchema | MapSchema | ArraySchema;
export type PrimitiveName =
  "null" | "boolean" | "int" | "long" | "float" | "double" | "bytes" | "string";
type LongOrString = { type: "long" | "string"; logicalType: "timestamp-micros" | "uuid" };
export type EnumSchema = {
  type: "enum";
  name: string;
  doc: string;
  symbols: string[];
  default: string;
};
type MapSchema = { type: "map"; values: AvroSchema };
type ArraySchema = { type: "array"; items: AvroSchema };
export type RecordSchema = {
  type: "record";
  name: string;
  namespace: string;
  doc: string;
  fields: RecordField[];
};
export type RecordField = {
  name: string;
  type: AvroSchema;
  doc: string;
  default?: unknown;
  /** Of a raw record's field: who sets its value. See probe-fields.ts. */
  setBy?: "probe" | "gateway";
  role?: FieldRole;
  /** Former names, by which readers find the field in older records. */
  aliases?: string[];
  /** What a number counts, e.g. "ms". */
  unit?: string;
  /** Of an array's numbers, too. */
  minimum?: number;
  maximum?: number;
  /** The field whose value this one must not exceed, in events that have both. */
  atMost?: string;
  /** Of a field that may be null: null is accepted only in an event in which one of these is true. */
  nullOnlyIf?: readonly FieldCondition[];
  /** Lengths count characters (Unicode code points). */
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  /** Only for text that is a JSON object: the maximum depth of objects and arrays. */
  maxDepth?: number;
  /** Only for arrays. */
  maxItems?: number;
  example?: unknown;
};

/** Is true if the field has this value; without `is`, if it has any. */
export type FieldCondition = { field: string; is?: number };

/** What a raw record's field is for. The gateway, the processor and the sink derive from it what they do with the field. */
export type FieldRole =
  /** The id that is computed from the identity. */
  | "id"
  /** Events that are equal in all of these fields are one event. */
  | "identity"
  /** What the event says. A duplicate that differs in one of these fields is a conflict. */
  | "content"
  /** How the event arrived. It may differ between duplicates, and nobody compares it. */
  | "receipt";

export const SCHEMA_NAMES = [
  "ProbeMetric",
  "EnrichedProbeMetric",
  "Node",
  "ProbeAlert",
  "AuditEntry",
] as const;
export type SchemaName = (typeof SCHEMA_NAMES)[number];

/** Reads a schema from `schemas/avro`. */
export function readAvroSchema(name: SchemaName): RecordSchema {
  const file = new URL(`../avro/${name}.avsc`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as RecordSchema;
}
