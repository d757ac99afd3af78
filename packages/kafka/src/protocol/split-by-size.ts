import type { OutgoingRecord } from "../records.ts";
import { maxBytesOf } from "./record-batch-writer.ts";

/** Below the brokers' default limit of 1 MB for one batch. A larger record is a batch of its own. */
export const BATCH_BYTES = 900_000;

/** Consecutive records that fit into one batch. */
export type Chunk<T> = {
  readonly items: readonly T[];
  /** An upper bound of their size. */
  readonly bytes: number;
};

/**
 * Splits one partition's records into batches, in order.
 * @param recordOf returns an item's record
 * @param maxBytes maximum size of a batch; a larger record is a batch of its own
 */
export function splitBySize<T>(
  items: readonly T[],
  recordOf: (item: T) => OutgoingRecord | undefined,
  maxBytes: number,
): Chunk<T>[] {
  const chunks: Chunk<T>[] = [];
  let begin = 0;
  let bytes = 0;
  for (const [at, item] of items.entries()) {
    const record = recordOf(item);
    const more = record === undefined ? 0 : maxBytesOf(record);
    if (bytes + more > maxBytes && at > begin) {
      chunks.push({ items: items.slice(begin, at), bytes });
      begin = at;
      bytes = 0;
    }
    bytes += more;
  }
  chunks.push({ items: begin === 0 ? items : items.slice(begin), bytes });
  return chunks;
}
