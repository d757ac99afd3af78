import {
  createUnpackedBytes,
  requireWithin,
  type UnpackedBytes,
  UnpackingError,
} from "./unpacked-bytes.ts";

/**
 * The framing of Java's clients (snappy-java, "xerial"): this magic, two versions of four bytes, then chunks, each after
 * its length. librdkafka and others write snappy without it.
 */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

/**
 * Decompresses snappy's raw format (google/snappy, format_description.txt), in Java's framing or not. It begins with its
 * size, so the bound is checked before anything is decompressed.
 *
 * @throws {UnpackingError} it is damaged, or larger than `maxBytes` when decompressed
 */
export function unpackSnappy(packed: Buffer, maxBytes: number): Buffer {
  const chunks = chunksOf(packed);
  let bytes = 0;
  for (const chunk of chunks) bytes += readSize(chunk).size;
  requireWithin(maxBytes, bytes);
  const into = createUnpackedBytes(maxBytes, bytes);
  for (const chunk of chunks) unpackChunk(chunk, into);
  return into.result();
}

function chunksOf(packed: Buffer): readonly Buffer[] {
  if (!packed.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return [packed];
  const chunks: Buffer[] = [];
  let at = XERIAL_HEADER_BYTES;
  while (at < packed.length) {
    if (at + 4 > packed.length) throw new UnpackingError("it is cut off");
    const from = at + 4;
    at = from + packed.readUInt32BE(at);
    if (at > packed.length) throw new UnpackingError("it is cut off");
    chunks.push(packed.subarray(from, at));
  }
  return chunks;
}

/** Reads the size when decompressed, 7 bits a byte, the lowest first; also returns where the elements begin. */
function readSize(chunk: Buffer): { size: number; at: number } {
  let size = 0;
  for (let at = 0; at < 5; at++) {
    const byte = chunk[at];
    if (byte === undefined) break;
    size += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return { size, at: at + 1 };
  }
  throw new UnpackingError("it does not begin with its size");
}

/** The two low bits of an element's first byte are its kind. */
const LITERAL = 0;
const COPY_NEAR = 1;
const COPY_2_BYTES = 2;
/** Up to this length, a literal's length is in that byte; above it, the length follows in 1 to 4 bytes. */
const LONGEST_IN_TAG = 60;

function unpackChunk(chunk: Buffer, into: UnpackedBytes): void {
  const { size, at: begin } = readSize(chunk);
  const end = into.written() + size;
  let at = begin;
  while (at < chunk.length) {
    const tag = chunk[at++] ?? 0;
    const kind = tag & 3;
    if (kind === LITERAL) {
      let length = (tag >>> 2) + 1;
      if (length > LONGEST_IN_TAG) {
        const lengthBytes = length - LONGEST_IN_TAG;
        length = readNumber(chunk, at, lengthBytes) + 1;
        at += lengthBytes;
      }
      into.copy(chunk, at, length);
      at += length;
    } else if (kind === COPY_NEAR) {
      into.repeat(((tag >>> 5) << 8) | readNumber(chunk, at, 1), ((tag >>> 2) & 7) + 4);
      at += 1;
    } else {
      const distanceBytes = kind === COPY_2_BYTES ? 2 : 4;
      into.repeat(readNumber(chunk, at, distanceBytes), (tag >>> 2) + 1);
      at += distanceBytes;
    }
  }
  if (into.written() !== end)
    throw new UnpackingError("its size differs from the size in its header");
}

/** Reads a little-endian number. */
function readNumber(chunk: Buffer, at: number, bytes: number): number {
  if (at + bytes > chunk.length) throw new UnpackingError("it is cut off");
  let number = chunk[at] ?? 0;
  for (let byte = 1; byte < bytes; byte++) number += (chunk[at + byte] ?? 0) * 2 ** (8 * byte);
  return number;
}
