import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import type { ExportColumn, ExportRow } from "@fiberstream/parquet/columns";
import { stringifyCsv } from "./csv.ts";
import { isoMicros } from "../records/micros.ts";
import type { ExportFile } from "./columns.ts";

/** Opens a file for CSV with a heading, or for one JSON object per line. Times are in ISO 8601. */
export function openTextFile(
  path: string,
  columns: readonly ExportColumn[],
  { format, escapeFormulas }: { format: "csv" | "ndjson"; escapeFormulas: boolean },
): ExportFile {
  const stream = createWriteStream(path);
  const names = columns.map(({ name }) => name);
  const write = async (text: string) => {
    if (!stream.write(text)) await once(stream, "drain");
  };
  let isHeaded = false;

  return {
    write: async (rows) => {
      if (format === "ndjson") return write(rows.map((row) => jsonLine(columns, row)).join(""));
      const cells = rows.map((row) => row.map((value, place) => cell(columns[place], value)));
      await write(stringifyCsv(isHeaded ? cells : [names, ...cells], { escapeFormulas }));
      isHeaded = true;
    },
    end: async () => {
      if (format === "csv" && !isHeaded) await write(stringifyCsv([names], { escapeFormulas }));
      stream.end();
      await finished(stream);
    },
  };
}

function cell(column: ExportColumn | undefined, value: ExportRow[number]) {
  return column?.kind === "time" && value !== null ? isoMicros(Number(value)) : value;
}

function jsonLine(columns: readonly ExportColumn[], row: ExportRow): string {
  const entries = columns.map(({ name, kind }, index) => {
    const value = row[index] ?? null;
    const shown = kind === "time" && value !== null ? isoMicros(Number(value)) : value;
    // It is JSON already, and may have numbers that JavaScript cannot represent.
    const isJson = (kind === "json" || kind === "doubles") && value !== null;
    return `${JSON.stringify(name)}:${isJson ? String(value) : JSON.stringify(shown)}`;
  });
  return `{${entries.join(",")}}\n`;
}
