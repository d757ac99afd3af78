import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline, Readable } from "node:stream";
import { messageOf } from "@fiberstream/runtime/errors";
import { type Info, parse } from "csv-parse";
import type { FileRow, FileRows } from "./file-rows.ts";
import { MAX_LINE_BYTES } from "./text-lines.ts";

const ROWS_AT_A_TIME = 1_000;

/**
 * Reads a file of comma-separated values (RFC 4180) whose first line names the columns. An empty cell is null, `""` is
 * an empty text, as `fiber export` writes them.
 *
 * @throws {Error} when the file is not CSV or not UTF-8: then nobody knows where the next row begins
 */
export async function* csvRows(path: string): AsyncGenerator<FileRows> {
  const { size } = await stat(path);
  const file = createReadStream(path);
  const parser = parse({
    bom: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: MAX_LINE_BYTES,
    cast: (value, { quoting }) => (value === "" && !quoting ? null : value),
  });
  // An error of the file ends the parser, whose loop throws it.
  pipeline(Readable.from(textOf(file)), parser, () => undefined);
  let names: readonly string[] | undefined;
  let row = 0;
  let rows: FileRow[] = [];
  try {
    for await (const parsed of parser) {
      const { record, info } = parsed as { record: (string | null)[]; info: Info };
      if (names === undefined) {
        names = namesIn(record);
        continue;
      }
      rows.push({ row: ++row, line: info.lines, ...contentOf(names, record) });
      if (rows.length < ROWS_AT_A_TIME) continue;
      yield { rows, share: Math.min(1, file.bytesRead / size) };
      rows = [];
    }
  } catch (error) {
    throw new Error(`${path} is not valid CSV after row ${row}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (names === undefined) throw new Error(`${path} has no line that names the columns`);
  yield { rows, share: 1 };
}

async function* textOf(file: AsyncIterable<unknown>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for await (const bytes of file) yield decoder.decode(bytes as Buffer, { stream: true });
  yield decoder.decode();
}

function namesIn(record: readonly (string | null)[]): readonly string[] {
  const names = record.map((name) => (name ?? "").trim());
  const doubled = names.find((name, at) => names.indexOf(name) !== at);
  if (doubled !== undefined) throw new Error(`two columns have the name "${doubled}"`);
  return names;
}

function contentOf(
  names: readonly string[],
  record: readonly (string | null)[],
): { values: Record<string, unknown> } | { problem: string } {
  if (record.length !== names.length) {
    return { problem: `the row has ${record.length} cells, and there are ${names.length} columns` };
  }
  return { values: Object.fromEntries(names.map((name, at) => [name, record[at]])) };
}
