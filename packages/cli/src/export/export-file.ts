import { rename, rm } from "node:fs/promises";
import type { ExportColumn, ExportRow, ExportSource } from "./columns.ts";
import { openParquetFile } from "./parquet-file.ts";
import { openTextFile } from "./text-file.ts";

export const EXPORT_FORMATS = ["parquet", "csv", "ndjson"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export type ExportFile = {
  /** Holds no more than a part in memory. */
  write: (rows: readonly ExportRow[]) => Promise<void>;
  end: () => Promise<void>;
};

/**
 * Writes all rows of a source to a file, which is at its path only once it is whole.
 * @returns how many; undefined when it was told to stop, and then there is no file
 * @throws what the source and the file system throw
 */
export async function exportRows(
  source: ExportSource,
  options: {
    path: string;
    format: ExportFormat;
    onProgress: (progress: { rows: number; share: number }) => void;
    stopping: AbortSignal;
  },
): Promise<number | undefined> {
  const { path, format, onProgress, stopping } = options;
  const unfinished = `${path}.unfinished`;
  let count = 0;
  try {
    const file = openFile(unfinished, source.columns, format);
    for await (const { rows, share } of source.parts) {
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
  format: ExportFormat,
): ExportFile =>
  format === "parquet" ? openParquetFile(path, columns) : openTextFile(path, columns, format);
