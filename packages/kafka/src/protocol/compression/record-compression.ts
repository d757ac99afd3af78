import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { messageOf } from "@fiberstream/runtime/errors";
import { unpackLz4 } from "./lz4.ts";
import { unpackSnappy } from "./snappy.ts";
import { requireWithin, UnpackingError } from "./unpacked-bytes.ts";

/** By their number in the attributes of a record batch (KIP-98; zstd by KIP-110). */
export const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

/** Brokers take 1 MB of a batch by default, packed: 64 times that is beyond what events pack to. */
export const MAX_UNPACKED_BYTES = 64 * 2 ** 20;

/**
 * Unpacks the records of a batch. Snappy and LZ4 are our own, of these two formats' descriptions: those of
 * `@platformatic/kafka` 2.12.1 are WebAssembly that traps on damaged bytes without letting go of its stack. Measured:
 * 652 such calls, and it unpacks no good ones either until the process is started again.
 *
 * The bound holds before anything is unpacked for snappy and for LZ4 that says its size; for other LZ4, gzip and zstd
 * while they are unpacked, so `maxBytes` are about the most that is allocated.
 *
 * @param codec the three low bits of a batch's attributes
 * @throws {UnpackingError} damaged bytes, more than `maxBytes` of them unpacked, or an unknown codec
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
      throw new UnpackingError(`codec ${codec} is not known`);
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
