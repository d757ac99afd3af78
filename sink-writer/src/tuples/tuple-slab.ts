/**
 * Rows in PostgreSQL's binary COPY format (manual, "COPY", file formats), one after another in a buffer
 * that is used again for every batch. A field is its length in bytes (int32) and its bytes, -1 is NULL.
 */
export type TupleSlab = {
  /** Doubled when a row does not fit. */
  bytes: Buffer;
  /** The position of the next row. */
  at: number;
  /** Of the row written last: where the texts for the table `nodes` begin, -1 for NULL. */
  nodeAt: number;
  tenantAt: number;
  countryAt: number;
  regionAt: number;
  /** Of the row written last: where the 16 bytes of its `event_id` begin, -1 for NULL. */
  eventIdAt: number;
  /** Of the row written last: microseconds since 1970. */
  receivedAt: number;
  time: number;
  /**
   * Reserves space for a row of at most so many bytes.
   * @returns the buffer to write to
   */
  reserve: (bytes: number) => Buffer;
};

/** The signature, then flags and the length of an extension, both 0. */
export const COPY_HEADER = Buffer.concat([
  Buffer.from("PGCOPY\n\xff\r\n\0", "latin1"),
  Buffer.alloc(8),
]);
export const COPY_TRAILER = Buffer.from([0xff, 0xff]);

export function createTupleSlab(options: { initialBytes: number }): TupleSlab {
  const slab: TupleSlab = {
    bytes: Buffer.allocUnsafeSlow(options.initialBytes),
    at: 0,
    nodeAt: -1,
    tenantAt: -1,
    countryAt: -1,
    regionAt: -1,
    eventIdAt: -1,
    receivedAt: 0,
    time: 0,
    reserve: (bytes) => {
      if (slab.at + bytes <= slab.bytes.length) return slab.bytes;
      const larger = Buffer.allocUnsafeSlow(Math.max(slab.bytes.length * 2, slab.at + bytes));
      slab.bytes.copy(larger, 0, 0, slab.at);
      slab.bytes = larger;
      return larger;
    },
  };
  return slab;
}
