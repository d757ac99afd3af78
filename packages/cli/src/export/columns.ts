import type { AvroSchema, RecordSchema } from "@fiberstream/schemas/avro-schema";

/** A time is a number of microseconds since 1970, JSON is its text. */
export type ColumnKind = "time" | "double" | "long" | "boolean" | "uuid" | "text" | "json";

export type ExportColumn = {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly isNullable: boolean;
};

/** A row's values, in the order of its columns; null for what is not there. */
export type ExportRow = readonly (number | boolean | string | null)[];

/** Rows of a source, and how far it is, from 0 to 1. */
export type ExportPart = { readonly rows: readonly ExportRow[]; readonly share: number };

export type ExportSource = {
  readonly columns: readonly ExportColumn[];
  /** Read once. @throws {TransientError} @throws {FatalError} */
  readonly parts: AsyncIterable<ExportPart>;
};

/** Where rows go. */
export type ExportFile = {
  /** Holds no more than a part in memory. */
  write: (rows: readonly ExportRow[]) => Promise<void>;
  end: () => Promise<void>;
};

/** The columns of a record, one for each field; a map is JSON. */
export const columnsOf = ({ fields }: RecordSchema): ExportColumn[] =>
  fields.map(({ name, type }) => ({
    name,
    kind: kindOf(type),
    isNullable: Array.isArray(type) && type.includes("null"),
  }));

function kindOf(schema: AvroSchema): ColumnKind {
  if (Array.isArray(schema)) return kindOf(schema.find((branch) => branch !== "null") ?? "string");
  if (typeof schema === "string") return PRIMITIVES[schema];
  switch (schema.type) {
    case "long":
    case "string":
      return schema.logicalType === "uuid" ? "uuid" : "time";
    case "enum":
      return "text";
    case "map":
    case "record":
      return "json";
  }
}

const PRIMITIVES = {
  null: "text",
  boolean: "boolean",
  int: "long",
  long: "long",
  float: "double",
  double: "double",
  bytes: "text",
  string: "text",
} as const;

/** A decoded record as a row. */
export const rowOf = (
  columns: readonly ExportColumn[],
  fields: Readonly<Record<string, unknown>>,
): ExportRow =>
  columns.map(({ name, kind }) => {
    const value = fields[name] ?? null;
    if (kind === "json" && value !== null) return JSON.stringify(value);
    return value as ExportRow[number];
  });
