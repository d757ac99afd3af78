import type { AvroSchema, RecordField, RecordSchema } from "./avro-schema.ts";

export type SampleRecord = {
  readonly name: "typical" | "least" | "most";
  readonly value: Readonly<Record<string, unknown>>;
};

/**
 * Three records that a schema allows: the fields' examples, the smallest values (null where that may be),
 * and the largest (longest texts, in scripts of one to four bytes a character).
 */
export function sampleRecords({ fields }: RecordSchema): SampleRecord[] {
  const recordOf = (valueOf: (field: RecordField) => unknown) =>
    Object.fromEntries(fields.map((field) => [field.name, valueOf(field)]));
  return [
    { name: "typical", value: recordOf(({ example }) => example) },
    { name: "least", value: recordOf((field) => leastOf(field.type, field)) },
    { name: "most", value: recordOf((field) => mostOf(field.type, field)) },
  ];
}

function leastOf(type: AvroSchema, field: RecordField): unknown {
  if (Array.isArray(type)) return type.includes("null") ? null : leastOf(type[0] ?? "null", field);
  if (typeof type === "string") return LEAST[type](field);
  switch (type.type) {
    case "long":
      return 0;
    case "string":
      return "00000000-0000-5000-8000-000000000000";
    case "enum":
      return type.default;
    case "array":
      return [];
    case "map":
      return {};
    case "record":
      return Object.fromEntries(
        type.fields.map((inner) => [inner.name, leastOf(inner.type, inner)]),
      );
  }
}

function mostOf(type: AvroSchema, field: RecordField): unknown {
  if (Array.isArray(type)) return mostOf(type.find((branch) => branch !== "null") ?? "null", field);
  if (typeof type === "string") return MOST[type](field);
  switch (type.type) {
    case "long":
      return GREATEST_LONG;
    case "string":
      return "ffffffff-ffff-5fff-bfff-ffffffffffff";
    case "enum":
      return type.symbols.at(-1);
    case "array":
      return Array.from({ length: field.maxItems ?? 2 }, () => mostOf(type.items, field));
    case "map":
      return { "": mostOf(type.values, field), [wideText(20)]: mostOf(type.values, field) };
    case "record":
      return Object.fromEntries(
        type.fields.map((inner) => [inner.name, mostOf(inner.type, inner)]),
      );
  }
}

type PrimitiveValues = Record<Extract<AvroSchema, string>, (field: RecordField) => unknown>;

const LEAST: PrimitiveValues = {
  null: () => null,
  boolean: () => false,
  int: ({ minimum = 0 }) => minimum,
  long: ({ minimum = 0 }) => minimum,
  float: ({ minimum = -1_000.25 }) => minimum,
  double: ({ minimum = -1_000.25 }) => minimum,
  bytes: () => Buffer.alloc(0),
  string: ({ minLength = 0, pattern }) => (pattern === undefined ? "a".repeat(minLength) : "AA"),
};

const MOST: PrimitiveValues = {
  null: () => null,
  boolean: () => true,
  int: ({ maximum = 2 ** 31 - 1 }) => maximum,
  long: ({ maximum = GREATEST_LONG }) => maximum,
  float: ({ maximum = 65_536.5 }) => maximum,
  double: ({ maximum = 123_456_789.125 }) => maximum,
  bytes: () => Buffer.alloc(100, 0xff),
  string: ({ maxLength = 100, maxDepth, pattern }) => {
    if (maxDepth !== undefined)
      return `${'{"a":'.repeat(maxDepth - 1)}{}${"}".repeat(maxDepth - 1)}`;
    return pattern === undefined ? wideText(maxLength) : "ZZ";
  },
};

/** The largest number that avsc writes: a time in the year 2255. */
const GREATEST_LONG = 2 ** 53 - 2;

/** Text of `length` code points, which take one, two, three and four bytes in turn. */
const wideText = (length: number): string =>
  Array.from({ length }, (_, place) => ["a", "é", "語", "🛰"][place % 4]).join("");
