/**
 * Functions that generated code calls for the rarer cases. Those with two results leave the second one in `cursor`: an
 * object for each call would be garbage for each field of each row.
 */
export const cursor = {
  /** The position after the value read last. */
  next: 0,
  readLong,
  readLength,
  uuid,
  int64,
  float8Array,
};

/**
 * Reads an Avro long: zigzag, 7 bits a byte, the lowest first. Returns NaN if it is not a safe integer, is longer than
 * ten bytes, or is cut off by the end of the bytes.
 */
function readLong(src: Uint8Array, at: number): number {
  let low = 0;
  let high = 0;
  let byte = 0;
  let bits = 0;
  do {
    byte = src[at++] ?? 0;
    if (bits < 28) low |= (byte & 127) << bits;
    else high += (byte & 127) * 2 ** (bits - 28);
    bits += 7;
  } while (byte > 127 && bits < 70);
  cursor.next = at;
  const unsigned = high * 2 ** 28 + (low >>> 0);
  // Above 2^54 the low bit is rounded away: the value cannot be a safe integer then.
  if (byte > 127 || unsigned > 2 * Number.MAX_SAFE_INTEGER + 1) return Number.NaN;
  return (low & 1) === 0 ? unsigned / 2 : -(unsigned - 1) / 2 - 1;
}

/** Reads a long that must not be negative; returns NaN if it is. */
function readLength(src: Uint8Array, at: number): number {
  const length = readLong(src, at);
  return length >= 0 ? length : Number.NaN;
}

/**
 * Writes the 36 characters at `from` as 16 bytes at `to`.
 * @returns whether they are a UUID
 */
function uuid(src: Uint8Array, from: number, out: Uint8Array, to: number): boolean {
  let bad = 0;
  for (let index = 0; index < 36; index += 2) {
    // Dashes are at 8, 13, 18 and 23; each one moves the next pair of digits by one.
    if (index === 8 || index === 13 || index === 18 || index === 23) {
      if (src[from + index] !== DASH) return false;
      index++;
    }
    const high = HEX_VALUES[src[from + index] ?? 0] ?? NOT_HEX;
    const low = HEX_VALUES[src[from + index + 1] ?? 0] ?? NOT_HEX;
    bad |= high | low;
    out[to++] = (high << 4) | low;
  }
  return (bad & NOT_HEX) === 0;
}

/** Writes an integer as 8 bytes. A BigInt for each row would be garbage, and five times slower. */
function int64(value: number, out: Uint8Array, at: number): void {
  const high = Math.floor(value / 2 ** 32);
  const low = value - high * 2 ** 32;
  out[at] = high >> 24;
  out[at + 1] = high >> 16;
  out[at + 2] = high >> 8;
  out[at + 3] = high;
  out[at + 4] = low >>> 24;
  out[at + 5] = low >>> 16;
  out[at + 6] = low >>> 8;
  out[at + 7] = low;
}

/**
 * Writes the items of an Avro array of doubles as those of PostgreSQL's float8[]. The caller has checked the array.
 * @param from where the array's first block begins
 * @returns the position after the last item
 */
function float8Array(src: Uint8Array, from: number, out: Uint8Array, to: number): number {
  let at = from;
  for (;;) {
    let count = readLong(src, at);
    at = cursor.next;
    if (count === 0) return to;
    // A negative count is followed by the block's size in bytes.
    if (count < 0) {
      readLong(src, at);
      at = cursor.next;
      count = -count;
    }
    for (; count > 0; count--, at += 8) {
      out[to] = out[to + 1] = out[to + 2] = 0;
      out[to + 3] = 8;
      for (let byte = 0; byte < 8; byte++) out[to + 4 + byte] = src[at + 7 - byte] ?? 0;
      to += 12;
    }
  }
}

const DASH = 45;
const NOT_HEX = 0x80;
const HEX_VALUES = new Uint8Array(256).fill(NOT_HEX);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  HEX_VALUES[digit.charCodeAt(0)] = value;
  HEX_VALUES[digit.toUpperCase().charCodeAt(0)] = value;
}
