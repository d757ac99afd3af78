import { extname } from "node:path";
import { csvRows } from "./csv-rows.ts";
import { ndjsonRows } from "./ndjson-rows.ts";
import { parquetRows } from "./parquet-rows.ts";

export const IMPORT_FORMATS = ["csv", "ndjson", "parquet"] as const;
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

/** A row of a file: its values by name, or why they cannot be read. */
export type FileRow = {
  /** Counts the rows from 1; a heading and empty lines are none. */
  readonly row: number;
  /** Its line in the file, from 1; in Parquet, which has no lines, the row again. */
  readonly line: number;
} & ({ readonly values: Readonly<Record<string, unknown>> } | { readonly problem: string });

/** Some rows in a row, and which part of the file has been read by then, from 0 to 1. */
export type FileRows = { readonly rows: readonly FileRow[]; readonly share: number };

/** The same file always has the same rows with the same numbers: a position is a number of rows. */
export type ReadRows = (path: string) => AsyncIterable<FileRows>;

export const READERS: Readonly<Record<ImportFormat, ReadRows>> = {
  csv: csvRows,
  ndjson: ndjsonRows,
  parquet: parquetRows,
};

/** @throws {Error} when the name does not say the format */
export function formatOf(path: string): ImportFormat {
  const suffix = extname(path).toLowerCase();
  const found = SUFFIXES[suffix];
  if (found !== undefined) return found;
  throw new Error(
    `the format of ${path} is not known by its name: add --format csv, ndjson or parquet`,
  );
}

const SUFFIXES: Readonly<Record<string, ImportFormat>> = {
  ".csv": "csv",
  ".ndjson": "ndjson",
  ".jsonl": "ndjson",
  ".parquet": "parquet",
};
