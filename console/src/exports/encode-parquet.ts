import { parentPort, workerData } from "node:worker_threads";
import type { ExportColumn, ExportRow } from "@fiberstream/parquet/columns";
import { createParquetRows } from "@fiberstream/parquet/parquet-rows";
import { ByteWriter } from "hyparquet-writer";

/** The thread of `parquet-stream.ts`: answers each piece of lines with the Parquet that it completes, which may be empty. */
const columns = workerData as readonly ExportColumn[];
const writer = new ByteWriter();
const rows = createParquetRows({ columns, writer });
const decoder = new TextDecoder("utf-8", { fatal: true });
let rest = "";

const addLines = (bytes: Uint8Array) => {
  const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    const values = JSON.parse(line) as Readonly<Record<string, ExportRow[number]>>;
    rows.add(columns.map(({ name }) => values[name] ?? null));
  }
};

const end = () => {
  if (rest !== "") throw new Error("the rows end within a line");
  rows.end();
};

/** Returns what was written since the last time. */
const taken = (): Uint8Array<ArrayBuffer> => {
  const bytes = writer.getBytes().slice();
  writer.index = 0;
  return bytes;
};

parentPort?.on("message", (lines: Uint8Array | null) => {
  if (lines === null) end();
  else addLines(lines);
  const parquet = taken();
  parentPort?.postMessage(parquet, [parquet.buffer]);
});
