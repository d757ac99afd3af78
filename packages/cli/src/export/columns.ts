import type { ColumnKind, ExportColumn, ExportRow } from "@fiberstream/parquet/columns";
import type { AvroSchema, RecordSchema } from "@fiberstream/schemas/avro-schema";

/** Some rows of a source, and the progress after them, from 0 to 1. */
export type ExportChunk = { readonly rows: readonly ExportRow[]; readonly share: number };

export type ExportSource = {
  readonly columns: readonly ExportColumn[];
  /**
   * Can be read once.
   * @throws {TransientError}
   * @throws {FatalError}
   */
  readonly chunks: AsyncIterable<ExportChunk>;
};

/** An open file that rows are written to. */
export type ExportFile = {
  /** Keeps at most one chunk in memory. */
  write: (rows: readonly ExportRow[]) => Promise<void>;
  end: () => Promise<void>;
};

/** Returns the columns of a record, one for each field; a map, or an array of anything but numbers, is JSON. */
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
    case "array":
      return schema.items === "double" ? "doubles" : "json";
    case "map":
    case "record":
      return "json";
  }
}

const PRIMITIVES = {
  null: "text",
  boolean: "boolean",
  int: "int",
  long: "long",
  float: "double",
  double: "double",
  bytes: "text",
  string: "text",
} as const;

/** Returns a decoded record as a row. */
export const rowOf = (
  columns: readonly ExportColumn[],
  fields: Readonly<Record<string, unknown>>,
): ExportRow =>
  columns.map(({ name, kind }) => {
    const value = fields[name] ?? null;
    if ((kind === "json" || kind === "doubles") && value !== null) return JSON.stringify(value);
    return value as ExportRow[number];
  });
