import { gzipSync, zstdCompressSync } from "node:zlib";
import { compressionsAlgorithms } from "@platformatic/kafka";
import { AT, BEFORE_LENGTH_ENDS } from "./batch-header.ts";
import { crc32c } from "./crc32c.ts";
import { CODECS } from "./compression/record-compression.ts";

export type Codec = (typeof CODECS)[number];

/** @returns the batch with its records compressed; unchanged if that would not make it smaller */
export function compressBatch(batch: Buffer, codec: Codec): Buffer {
  if (codec === "none") return batch;
  const compressed = compress(codec, batch.subarray(AT.records));
  const length = AT.records + compressed.length;
  if (length >= batch.length) return batch;
  const smaller = Buffer.allocUnsafe(length);
  batch.copy(smaller, 0, 0, AT.records);
  compressed.copy(smaller, AT.records);
  smaller.writeInt32BE(length - BEFORE_LENGTH_ENDS, AT.length);
  smaller.writeInt16BE(batch.readInt16BE(AT.attributes) | CODECS.indexOf(codec), AT.attributes);
  smaller.writeUInt32BE(crc32c(smaller, AT.attributes, length), AT.crc);
  return smaller;
}

function compress(codec: Exclude<Codec, "none">, bytes: Buffer): Buffer {
  switch (codec) {
    case "gzip":
      return gzipSync(bytes, { level: 1 });
    case "zstd":
      return zstdCompressSync(bytes);
    case "snappy":
    case "lz4":
      return Buffer.from(compressionsAlgorithms[codec].compressSync(bytes));
  }
}
