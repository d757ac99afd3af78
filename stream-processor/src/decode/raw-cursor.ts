/**
 * Where reading is. One for all: reading is never interrupted, and an object for each event would cost as
 * much as the reading. Past the end it is set to NaN, where it stays, so that one look at the end tells.
 */
export const cursor = { at: 0, textAt: 0 };

/**
 * Moves past a text.
 * @returns where it ends
 */
export function skipText(bytes: Buffer): number {
  const length = readLong(bytes);
  cursor.textAt = cursor.at;
  cursor.at = length < 0 || cursor.at + length > bytes.length ? NaN : cursor.at + length;
  return cursor.at;
}

export function skipOptionalText(bytes: Buffer): void {
  const branch = bytes[cursor.at++];
  if (branch === 2) skipText(bytes);
  else if (branch !== 0) cursor.at = NaN;
}

/** Reads whether an optional value is there: then it follows. */
export function isPresent(bytes: Buffer): boolean {
  const branch = bytes[cursor.at++];
  if (branch === 2) return true;
  if (branch !== 0) cursor.at = NaN;
  return false;
}

/**
 * Moves past `count` optional values if all of them are null.
 * @returns whether they are
 */
export function skipNulls(bytes: Buffer, count: number): boolean {
  const { at } = cursor;
  for (let index = 0; index < count; index++) if (bytes[at + index] !== 0) return false;
  cursor.at = at + count;
  return true;
}

export function readDouble(bytes: Buffer): number {
  const { at } = cursor;
  if (!(at + 8 <= bytes.length)) return (cursor.at = NaN);
  cursor.at = at + 8;
  return bytes.readDoubleLE(at);
}

/** Avro's zigzag variable-length long; above 2^53 it loses its last bits, which no time here has. */
export function readLong(bytes: Buffer): number {
  let at = cursor.at;
  let byte = bytes[at++];
  if (byte === undefined) return (cursor.at = NaN);
  let value = byte & 0x7f;
  for (let scale = 128; byte >= 0x80; scale *= 128) {
    byte = bytes[at++];
    if (byte === undefined || scale > 2 ** 63) return (cursor.at = NaN);
    value += (byte & 0x7f) * scale;
  }
  cursor.at = at;
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
