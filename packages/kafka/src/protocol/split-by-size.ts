import type { OutgoingRecord } from "../records.ts";
import { mostBytesOf } from "./record-batch-writer.ts";

/** Below the 1 MB that brokers take of one batch by default; a record that is larger goes alone. */
export const BATCH_BYTES = 900_000;

/** Consecutive records that fit into one batch. */
export type Chunk<T> = {
  readonly items: readonly T[];
  /** An upper bound of what they take. */
  readonly bytes: number;
};

/**
 * Splits one partition's records into batches, in order.
 * @param recordOf an item's record
 * @param mostBytes of one batch; a record that is larger has one for itself
 */
export function splitBySize<T>(
  items: readonly T[],
  recordOf: (item: T) => OutgoingRecord | undefined,
  mostBytes: number,
): Chunk<T>[] {
  const chunks: Chunk<T>[] = [];
  let begin = 0;
  let bytes = 0;
  for (const [at, item] of items.entries()) {
    const record = recordOf(item);
    const more = record === undefined ? 0 : mostBytesOf(record);
    if (bytes + more > mostBytes && at > begin) {
      chunks.push({ items: items.slice(begin, at), bytes });
      begin = at;
      bytes = 0;
    }
    bytes += more;
  }
  chunks.push({ items: begin === 0 ? items : items.slice(begin), bytes });
  return chunks;
}
