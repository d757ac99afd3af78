import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { messageOf } from "@fiberstream/runtime/errors";
import { unpackLz4 } from "./lz4.ts";
import { unpackSnappy } from "./snappy.ts";
import { requireWithin, UnpackingError } from "./unpacked-bytes.ts";

/** The codecs by their number in the attributes of a record batch (KIP-98; zstd by KIP-110). */
export const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

/** Brokers accept compressed batches of 1 MB by default: events never compress to a 64th of their size. */
export const MAX_UNPACKED_BYTES = 64 * 2 ** 20;

/**
 * Decompresses the records of a batch. The decoders for snappy and LZ4 are our own, after the descriptions of the formats:
 * those of `@platformatic/kafka` 2.12.1 are WebAssembly that traps on damaged bytes without releasing its stack. Measured:
 * after 652 such calls it cannot decompress valid bytes either, until the process is restarted.
 *
 * For snappy, and for LZ4 with its size in the header, the bound is checked before anything is decompressed; for other LZ4,
 * gzip and zstd during decompression. So about `maxBytes` are allocated at most.
 *
 * @param codec the three low bits of a batch's attributes
 * @throws {UnpackingError} damaged bytes, more than `maxBytes` of them decompressed, or an unknown codec
 */
export function decompressRecords(
  codec: number,
  bytes: Buffer,
  maxBytes: number = MAX_UNPACKED_BYTES,
): Buffer {
  switch (codec) {
    case 0:
      return bytes;
    case 1:
      return byZlib(gunzipSync, bytes, maxBytes);
    case 2:
      return unpackSnappy(bytes, maxBytes);
    case 3:
      return unpackLz4(bytes, maxBytes);
    case 4:
      return byZlib(zstdDecompressSync, bytes, maxBytes);
    default:
      throw new UnpackingError(`codec ${codec} is unknown`);
  }
}

const CHUNK_BYTES = 65_536;

function byZlib(
  unpack: (bytes: Buffer, options: { maxOutputLength: number; chunkSize: number }) => Buffer,
  bytes: Buffer,
  maxBytes: number,
): Buffer {
  try {
    return unpack(bytes, { maxOutputLength: maxBytes, chunkSize: CHUNK_BYTES });
  } catch (error) {
    if (isTooLarge(error)) requireWithin(maxBytes, Infinity);
    throw new UnpackingError(messageOf(error), { cause: error });
  }
}

const isTooLarge = (error: unknown) =>
  typeof error === "object" &&
  error !== null &&
  "code" in error &&
  error.code === "ERR_BUFFER_TOO_LARGE";
