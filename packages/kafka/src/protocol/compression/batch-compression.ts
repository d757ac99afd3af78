import { gzipSync, zstdCompressSync } from "node:zlib";
import { compressionsAlgorithms } from "@platformatic/kafka";
import { crc32c } from "../crc32c.ts";
import { CODECS } from "./record-compression.ts";

export type Codec = (typeof CODECS)[number];

/** In a record batch (KIP-98, message format 2): what the packed records follow, and what is different then. */
const LENGTH_AT = 8;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const RECORDS_AT = 61;
/** The length counts what follows it. */
const BEFORE_LENGTH_ENDS = 12;

/** @returns the batch with its records packed; as it is where that would not make it smaller */
export function packBatch(batch: Buffer, codec: Codec): Buffer {
  if (codec === "none") return batch;
  const packed = pack(codec, batch.subarray(RECORDS_AT));
  const length = RECORDS_AT + packed.length;
  if (length >= batch.length) return batch;
  const smaller = Buffer.allocUnsafe(length);
  batch.copy(smaller, 0, 0, RECORDS_AT);
  packed.copy(smaller, RECORDS_AT);
  smaller.writeInt32BE(length - BEFORE_LENGTH_ENDS, LENGTH_AT);
  smaller.writeInt16BE(batch.readInt16BE(ATTRIBUTES_AT) | CODECS.indexOf(codec), ATTRIBUTES_AT);
  smaller.writeUInt32BE(crc32c(smaller, ATTRIBUTES_AT, length), CRC_AT);
  return smaller;
}

function pack(codec: Exclude<Codec, "none">, bytes: Buffer): Buffer {
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
