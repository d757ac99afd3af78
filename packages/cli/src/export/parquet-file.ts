import type { SchemaElement } from "hyparquet";
import { fileWriter, ParquetWriter } from "hyparquet-writer";
import type { ColumnKind, ExportColumn, ExportFile, ExportRow } from "./columns.ts";

/** Rows of a row group, which is kept in memory: an export of 400,000 enriched events stays below 430 MB (RSS). */
const ROWS_PER_GROUP = 20_000;

/** Opens a Parquet file, compressed with Snappy. A time is TIMESTAMP(MICROS, UTC), an id is UUID. */
export function openParquetFile(path: string, columns: readonly ExportColumn[]): ExportFile {
  const root: SchemaElement = { name: "root", num_children: columns.length };
  const parquet = new ParquetWriter({
    writer: fileWriter(path),
    schema: [root, ...columns.map(elementOf)],
    createdBy: "fiberstream",
  });
  let waiting: ExportRow[] = [];

  const writeGroup = async (rows: readonly ExportRow[]) => {
    const columnData = columns.map(({ name, kind }, index) => ({
      name,
      data: rows.map((row) => cellOf(kind, row[index] ?? null)),
    }));
    await parquet.write({ columnData, rowGroupSize: ROWS_PER_GROUP });
  };

  return {
    write: async (rows) => {
      for (const row of rows) waiting.push(row);
      while (waiting.length >= ROWS_PER_GROUP) {
        await writeGroup(waiting.slice(0, ROWS_PER_GROUP));
        waiting = waiting.slice(ROWS_PER_GROUP);
      }
    },
    end: async () => {
      if (waiting.length > 0) await writeGroup(waiting);
      await parquet.finish();
    },
  };
}

/** The library takes an integer of 64 bits as a bigint only. */
const cellOf = (kind: ColumnKind, value: ExportRow[number]) =>
  kind === "long" && value !== null ? BigInt(value) : value;

const elementOf = ({ name, kind, isNullable }: ExportColumn): SchemaElement => ({
  name,
  repetition_type: isNullable ? "OPTIONAL" : "REQUIRED",
  ...TYPES[kind],
});

/** JSON is written as text: the library would parse it, and round large numbers. */
const TEXT = {
  type: "BYTE_ARRAY",
  converted_type: "UTF8",
  logical_type: { type: "STRING" },
} as const;

const TYPES: Readonly<Record<ColumnKind, Partial<SchemaElement>>> = {
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
