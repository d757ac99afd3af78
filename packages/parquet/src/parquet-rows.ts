import type { SchemaElement } from "hyparquet";
import { ParquetWriter } from "hyparquet-writer";
import type { ColumnKind, ExportColumn, ExportRow } from "./columns.ts";

/** Where the library writes: `fileWriter` of hyparquet-writer, or its `ByteWriter`. */
type Writer = ConstructorParameters<typeof ParquetWriter>[0]["writer"];

export type ParquetRows = {
  /** Keeps a row. If its row group is full then, writes the group. */
  add: (row: ExportRow) => void;
  /** Writes the last row group, and the footer, without which the file cannot be read. */
  end: () => void;
};

/** A row group is kept in memory: an export of 400,000 enriched events stays below 430 MB (RSS). */
const MAX_ROWS_PER_GROUP = 20_000;
/** Rows with much metadata make smaller groups. Characters of texts; a number counts as one. */
const MAX_LENGTH_PER_GROUP = 32 * 1024 ** 2;

/**
 * Writes rows as Parquet, compressed with Snappy. A time is TIMESTAMP(MICROS, UTC), an id is UUID, `doubles` are a LIST.
 * It encodes a row group at once, which keeps the CPU busy for up to a second.
 */
export function createParquetRows(options: {
  columns: readonly ExportColumn[];
  writer: Writer;
}): ParquetRows {
  const { columns, writer } = options;
  const parquet = new ParquetWriter({
    writer,
    schema: [{ name: "root", num_children: columns.length }, ...columns.flatMap(elementsOf)],
    createdBy: "fiberstream",
  });
  let waiting = columns.map((): Value[] => []);
  let rows = 0;
  let length = 0;

  const writeGroup = () => {
    const columnData = columns.map(({ name, kind }, at) => ({
      name,
      data: waiting[at] ?? [],
      // The footer stays in memory until the end, and has these of each column of each group. Readers skip groups by time.
      statistics: kind === "time",
    }));
    // Returns a promise only if the writer's own functions do.
    void parquet.write({ columnData, rowGroupSize: rows });
    waiting = columns.map(() => []);
    rows = 0;
    length = 0;
  };

  return {
    add: (row) => {
      for (const [at, { kind }] of columns.entries()) {
        const value = row[at] ?? null;
        waiting[at]?.push(value === null ? null : valueOf(kind, value));
        length += typeof value === "string" ? value.length : 1;
      }
      rows++;
      if (rows >= MAX_ROWS_PER_GROUP || length >= MAX_LENGTH_PER_GROUP) writeGroup();
    },
    end: () => {
      if (rows > 0) writeGroup();
      void parquet.finish();
    },
  };
}

type Value = number | bigint | boolean | string | (number | null)[] | null;

function valueOf(kind: ColumnKind, value: number | boolean | string): Value {
  switch (kind) {
    // The library takes an integer of 64 bits as a bigint only.
    case "long":
      return BigInt(value);
    // JSON has NaN and Infinity as texts.
    case "double":
      return Number(value);
    case "doubles":
      return (JSON.parse(String(value)) as (number | string | null)[]).map((one) =>
        one === null ? null : Number(one),
      );
    case "time":
    case "int":
    case "boolean":
    case "uuid":
    case "text":
    case "json":
      return value;
  }
}

function elementsOf({ name, kind, isNullable }: ExportColumn): SchemaElement[] {
  const repetition_type = isNullable ? "OPTIONAL" : "REQUIRED";
  if (kind !== "doubles") return [{ name, repetition_type, ...TYPES[kind] }];
  return [
    {
      name,
      repetition_type,
      converted_type: "LIST",
      logical_type: { type: "LIST" },
      num_children: 1,
    },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    { name: "element", repetition_type: "OPTIONAL", type: "DOUBLE" },
  ];
}

/** JSON is written as text: the library would parse it, and round large numbers. */
const TEXT = {
  type: "BYTE_ARRAY",
  converted_type: "UTF8",
  logical_type: { type: "STRING" },
} as const;

const TYPES: Readonly<Record<Exclude<ColumnKind, "doubles">, Partial<SchemaElement>>> = {
  time: {
    type: "INT64",
    converted_type: "TIMESTAMP_MICROS",
    logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "MICROS" },
  },
  double: { type: "DOUBLE" },
  int: { type: "INT32" },
  long: { type: "INT64" },
  boolean: { type: "BOOLEAN" },
  uuid: { type: "FIXED_LEN_BYTE_ARRAY", type_length: 16, logical_type: { type: "UUID" } },
  text: TEXT,
  json: TEXT,
};
