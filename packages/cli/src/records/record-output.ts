import { terminalLines } from "@fiberstream/runtime/terminal-text";
import { textOf } from "./cell-text.ts";
import { stringifyCsv } from "../export/csv.ts";
import { cellOf, plainRecord, type SeenRecord } from "./decoded-record.ts";
import { createTable } from "./record-table.ts";

export const OUTPUT_FORMATS = ["table", "json", "csv"] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** Returns records as text, batch by batch. */
export type RecordOutput = (records: readonly SeenRecord[]) => string;

/**
 * Creates a function that formats records.
 *
 * @param options.columns the fields to show; undefined: the most important ones (table), or all fields of the first
 *   record (csv). JSON has all fields, one object per line
 * @param options.isColoured uses colours, for a terminal
 * @param options.escapeFormulas escapes formulas, for a spreadsheet (csv)
 */
export function createRecordOutput(options: {
  format: OutputFormat;
  columns: readonly string[] | undefined;
  isColoured: boolean;
  escapeFormulas?: boolean;
}): RecordOutput {
  switch (options.format) {
    case "json":
      return (records) =>
        terminalLines(records.map((seen) => `${JSON.stringify(plainRecord(seen))}\n`).join(""));
    case "csv":
      return createCsv(options);
    case "table":
      return createTable(options);
  }
}

/** Formats CSV, with a heading before the first record. */
function createCsv({
  columns: given,
  escapeFormulas = false,
}: {
  columns: readonly string[] | undefined;
  escapeFormulas?: boolean;
}): RecordOutput {
  let names: readonly string[] | undefined;
  return (records) => {
    const heading: string[][] = [];
    const [first] = records;
    if (names === undefined && first !== undefined) {
      names = given ?? ["partition", "offset", "key", ...Object.keys(first.fields ?? {})];
      heading.push([...names]);
    }
    const rows = records.map((seen) => (names ?? []).map((name) => csvCell(cellOf(seen, name))));
    return stringifyCsv([...heading, ...rows], { escapeFormulas });
  };
}

const csvCell = (value: unknown) =>
  typeof value === "number" ? value : (value ?? null) === null ? null : textOf(value);
