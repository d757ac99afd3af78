/** A body in one buffer, which grows as bytes arrive. */
export type GrowingBody = {
  readonly add: (piece: Buffer) => void;
  readonly bytes: () => number;
  readonly whole: () => Buffer;
  /** The size of the buffer. */
  readonly heldBytes: () => number;
};

/** Minimum size of a buffer that has to grow. */
const MIN_BYTES = 4 * 1024;

/**
 * Copies a body's pieces into one buffer. A list of the pieces would use far more than their bytes: 353 KB in chunks of
 * one byte used 70 MB of heap.
 *
 * @param options.limitBytes maximum size of all pieces together
 * @param options.hold called with the buffer's size before it is allocated; `add` throws what it throws
 */
export function createGrowingBody(options: {
  limitBytes: number;
  hold: (bytes: number) => void;
}): GrowingBody {
  const { limitBytes, hold } = options;
  let buffer: Buffer = Buffer.alloc(0);
  let bytes = 0;

  const growFor = (neededBytes: number) => {
    const doubled = bytes === 0 ? 0 : Math.max(MIN_BYTES, buffer.length * 2);
    const size = Math.max(neededBytes, Math.min(doubled, limitBytes));
    hold(size);
    const grown = Buffer.allocUnsafeSlow(size);
    buffer.copy(grown, 0, 0, bytes);
    buffer = grown;
  };

  return {
    add: (piece) => {
      const end = bytes + piece.length;
      // Mostly there is only one piece. It is used itself, unless it is part of a larger buffer.
      if (bytes === 0 && piece.length === piece.buffer.byteLength) {
        hold(end);
        buffer = piece;
      } else {
        if (end > buffer.length) growFor(end);
        piece.copy(buffer, bytes);
      }
      bytes = end;
    },
    bytes: () => bytes,
    whole: () => (bytes === buffer.length ? buffer : buffer.subarray(0, bytes)),
    heldBytes: () => buffer.length,
  };
}
