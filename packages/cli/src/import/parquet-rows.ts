import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { messageOf } from "@fiberstream/runtime/errors";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { isoMicros } from "../records/micros.ts";
import type { FileRows } from "./file-rows.ts";

/** A row group is decoded in memory, where it takes several times as much. */
const MAX_GROUP_BYTES = 256 * 1024 ** 2;

/**
 * Reads a Parquet file, a row group at a time. Times become ISO 8601 with microseconds.
 * @throws {Error} when the file is not Parquet, or has too large a row group
 */
export async function* parquetRows(path: string): AsyncGenerator<FileRows> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file).catch((error: unknown) => {
    const advice = "a file that was cut, such as an export that did not end, has no footer";
    throw new Error(`${path} is not a whole Parquet file: ${messageOf(error)} (${advice})`, {
      cause: error,
    });
  });
  const total = Number(metadata.num_rows);
  let rowStart = 0;
  for (const { num_rows, total_byte_size } of metadata.row_groups) {
    if (total_byte_size > MAX_GROUP_BYTES) throw new Error(tooLarge(path, total_byte_size));
    const rowEnd = rowStart + Number(num_rows);
    const found = await parquetReadObjects({
      file,
      metadata,
      rowStart,
      rowEnd,
      parsers: PARSERS,
      compressors: COMPRESSORS,
    });
    const first = rowStart + 1;
    const rows = found.map((values, at) => ({ row: first + at, line: first + at, values }));
    yield { rows, share: rowEnd / total };
    rowStart = rowEnd;
  }
}

const tooLarge = (path: string, bytes: bigint) =>
  `${path} has a row group of ${bytes} bytes, and at most ${MAX_GROUP_BYTES} are read at a time: write it with smaller row groups, for example of 100,000 rows`;

const PARSERS = {
  timestampFromMilliseconds: (millis: bigint) => isoMicros(Number(millis * 1_000n)),
  timestampFromMicroseconds: (micros: bigint) => isoMicros(Number(micros)),
  timestampFromNanoseconds: (nanos: bigint) => isoMicros(Number(nanos / 1_000n)),
};

/** What Node can decompress beside Snappy, which the library knows. A page cannot be larger than it claims. */
const COMPRESSORS = {
  GZIP: (bytes: Uint8Array, length: number) => gunzipSync(bytes, { maxOutputLength: length }),
  BROTLI: (bytes: Uint8Array, length: number) =>
    brotliDecompressSync(bytes, { maxOutputLength: length }),
  ZSTD: (bytes: Uint8Array, length: number) =>
    zstdDecompressSync(bytes, { maxOutputLength: length }),
};
