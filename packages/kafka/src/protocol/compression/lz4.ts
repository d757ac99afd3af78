import {
  createUnpackedBytes,
  requireWithin,
  type UnpackedBytes,
  UnpackingError,
} from "./unpacked-bytes.ts";

const MAGIC = 0x184d2204;
/** The version, 1, in the two high bits of the flags. */
const VERSION = 0x40;
const VERSION_BITS = 0xc0;
const HAS_BLOCK_CHECKSUMS = 0x10;
const HAS_SIZE = 0x08;
const HAS_CHECKSUM = 0x04;
const HAS_DICTIONARY = 0x01;
/** This bit of a block's length is set if the block is not compressed. */
const IS_STORED = 0x80000000;

/**
 * Decompresses LZ4 frames (lz4_Frame_format.md), with linked blocks or not, with or without size and checksums. Checksums
 * are not checked, because the batch has its own. If a frame has its size, the size is checked before it is decompressed,
 * otherwise during it.
 *
 * @throws {UnpackingError} it is damaged, or larger than `maxBytes` when decompressed
 */
export function unpackLz4(packed: Buffer, maxBytes: number): Buffer {
  const into = createUnpackedBytes(maxBytes, sizeOf(packed) ?? 4 * packed.length);
  let at = unpackFrame(packed, 0, into, maxBytes);
  while (at < packed.length) at = unpackFrame(packed, at, into, maxBytes);
  if (at > packed.length) throw new UnpackingError("it is cut off");
  return into.result();
}

/** Returns the size in the first frame's header. */
function sizeOf(packed: Buffer): number | undefined {
  const hasSize = packed.length >= 14 && ((packed[4] ?? 0) & HAS_SIZE) !== 0;
  return hasSize ? Number(packed.readBigUInt64LE(6)) : undefined;
}

/** @returns the position after the frame */
function unpackFrame(packed: Buffer, from: number, into: UnpackedBytes, maxBytes: number): number {
  if (readNumber(packed, from) !== MAGIC) throw new UnpackingError("it is not an LZ4 frame");
  const flags = packed[from + 4] ?? 0;
  if ((flags & VERSION_BITS) !== VERSION) throw new UnpackingError("its LZ4 version is unknown");
  if ((flags & HAS_DICTIONARY) !== 0) throw new UnpackingError("it needs a dictionary");
  // Flags, block size, then the header's checksum.
  let at = from + 6;
  if ((flags & HAS_SIZE) !== 0) {
    if (at + 8 > packed.length) throw new UnpackingError("it is cut off");
    requireWithin(maxBytes, into.written() + Number(packed.readBigUInt64LE(at)));
    at += 8;
  }
  at += 1;

  const checksumBytes = (flags & HAS_BLOCK_CHECKSUMS) === 0 ? 0 : 4;
  // Distances may point into earlier blocks of the frame, if they are linked, but not into another frame.
  for (;;) {
    const header = readNumber(packed, at);
    at += 4;
    if (header === 0) break;
    const length = header & ~IS_STORED;
    if (at + length > packed.length) throw new UnpackingError("it is cut off");
    if (header >= IS_STORED) into.copy(packed, at, length);
    else unpackBlock(packed, at, at + length, into);
    at += length + checksumBytes;
  }
  return at + ((flags & HAS_CHECKSUM) === 0 ? 0 : 4);
}

/** Lengths from 15 on continue in the following bytes, up to one that is not 255. */
const LENGTH_CONTINUES = 15;
const SHORTEST_MATCH = 4;

/** Decompresses sequences of a literal and a match (lz4_Block_format.md); the last one is a literal only. */
function unpackBlock(packed: Buffer, from: number, end: number, into: UnpackedBytes): void {
  let at = from;
  const readLength = (inToken: number): number => {
    let length = inToken;
    if (inToken < LENGTH_CONTINUES) return length;
    for (let byte = 255; byte === 255; length += byte) {
      if (at >= end) throw new UnpackingError("it is cut off");
      byte = packed[at++] ?? 0;
    }
    return length;
  };

  while (at < end) {
    const token = packed[at++] ?? 0;
    const literal = readLength(token >>> 4);
    if (at + literal > end) throw new UnpackingError("it is cut off");
    into.copy(packed, at, literal);
    at += literal;
    if (at === end) return;
    if (at + 2 > end) throw new UnpackingError("it is cut off");
    const distance = (packed[at] ?? 0) | ((packed[at + 1] ?? 0) << 8);
    at += 2;
    into.repeat(distance, readLength(token & 0xf) + SHORTEST_MATCH);
  }
}

function readNumber(packed: Buffer, at: number): number {
  if (at + 4 > packed.length) throw new UnpackingError("it is cut off");
  return packed.readUInt32LE(at);
}
