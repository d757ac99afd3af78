/** The output of a decoder, which grows up to a bound. */
export type UnpackedBytes = {
  /** Copies bytes from the compressed input. */
  readonly copy: (packed: Buffer, from: number, length: number) => void;
  /** Copies output from `distance` bytes before its end; both ranges may overlap. */
  readonly repeat: (distance: number, length: number) => void;
  readonly written: () => number;
  readonly result: () => Buffer;
};

/** Compressed bytes that are damaged, of another format, or larger than allowed when decompressed. */
export class UnpackingError extends Error {
  override readonly name = "UnpackingError";
}

/** Below this many bytes a loop is faster than a call into native code. */
const SHORT_BYTES = 24;

/** @param expectedBytes the initial size; if it is exact, it saves a copy */
export function createUnpackedBytes(maxBytes: number, expectedBytes: number): UnpackedBytes {
  let bytes = Buffer.allocUnsafe(Math.min(expectedBytes, maxBytes));
  let at = 0;

  function reserve(length: number): void {
    const needed = at + length;
    if (needed <= bytes.length) return;
    requireWithin(maxBytes, needed);
    const larger = Buffer.allocUnsafe(Math.min(maxBytes, Math.max(needed, 2 * bytes.length)));
    bytes.copy(larger, 0, 0, at);
    bytes = larger;
  }

  return {
    copy: (packed, from, length) => {
      if (from + length > packed.length) throw new UnpackingError("it is cut off");
      reserve(length);
      if (length > SHORT_BYTES) packed.copy(bytes, at, from, from + length);
      else for (let byte = 0; byte < length; byte++) bytes[at + byte] = packed[from + byte] ?? 0;
      at += length;
    },
    repeat: (distance, length) => {
      if (distance === 0 || distance > at) {
        throw new UnpackingError("it repeats bytes from before its beginning");
      }
      reserve(length);
      const from = at - distance;
      const isApart = distance >= length;
      if (isApart && length > SHORT_BYTES) bytes.copyWithin(at, from, from + length);
      else if (distance === 1) bytes.fill(bytes[from] ?? 0, at, at + length);
      else for (let byte = 0; byte < length; byte++) bytes[at + byte] = bytes[from + byte] ?? 0;
      at += length;
    },
    written: () => at,
    result: () => bytes.subarray(0, at),
  };
}

/** @throws {UnpackingError} */
export function requireWithin(maxBytes: number, unpackedBytes: number): void {
  if (unpackedBytes <= maxBytes) return;
  throw new UnpackingError(`it has more than the allowed ${maxBytes} bytes when decompressed`);
}
