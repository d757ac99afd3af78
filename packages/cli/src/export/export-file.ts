import { lstat, realpath, rename, rm, stat } from "node:fs/promises";
import type { ExportColumn } from "@fiberstream/parquet/columns";
import { createParquetRows } from "@fiberstream/parquet/parquet-rows";
import { messageOf } from "@fiberstream/runtime/errors";
import { fileWriter } from "hyparquet-writer";
import type { ExportFile, ExportSource } from "./columns.ts";
import { openTextFile } from "./text-file.ts";

export const EXPORT_FORMATS = ["parquet", "csv", "ndjson"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/**
 * Writes all rows of a source to a file, which appears at its path only when it is complete. If the path is a link,
 * its target is written.
 *
 * @returns the number of rows; undefined if it was stopped, and then there is no file
 * @throws {Error} when something other than a regular file is at the path
 * @throws what the source and the file system throw
 */
export async function exportRows(
  source: ExportSource,
  options: {
    path: string;
    format: ExportFormat;
    escapeFormulas?: boolean;
    onProgress: (progress: { rows: number; share: number }) => void;
    stopping: AbortSignal;
  },
): Promise<number | undefined> {
  const { format, escapeFormulas = false, onProgress, stopping } = options;
  const path = await fileAt(options.path);
  const unfinished = `${path}.unfinished`;
  let count = 0;
  try {
    const file = openFile(unfinished, source.columns, { format, escapeFormulas });
    for await (const { rows, share } of source.chunks) {
      if (stopping.aborted) return undefined;
      await file.write(rows);
      count += rows.length;
      onProgress({ rows: count, share });
    }
    await file.end();
    await rename(unfinished, path);
    return count;
  } finally {
    await rm(unfinished, { force: true });
  }
}

const openFile = (
  path: string,
  columns: readonly ExportColumn[],
  { format, escapeFormulas }: { format: ExportFormat; escapeFormulas: boolean },
): ExportFile =>
  format === "parquet"
    ? openParquetFile(path, columns)
    : openTextFile(path, columns, { format, escapeFormulas });

function openParquetFile(path: string, columns: readonly ExportColumn[]): ExportFile {
  const { add, end } = createParquetRows({ columns, writer: fileWriter(path) });
  return { write: async (rows) => rows.forEach(add), end: async () => end() };
}

/**
 * Returns the path of the file to write. A device, a pipe or a folder is rejected: the file would replace it, also
 * /dev/stdout.
 */
async function fileAt(path: string): Promise<string> {
  try {
    if (!(await stat(path)).isFile()) throw new Error("it is not a regular file");
    return await realpath(path);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (isMissing && !(await isLink(path))) return path;
    const reason = isMissing ? "it is a link that points to nothing" : messageOf(error);
    throw new Error(`cannot write to ${path}: ${reason}`, { cause: error });
  }
}

const isLink = (path: string): Promise<boolean> =>
  lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
