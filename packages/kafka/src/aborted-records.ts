import type { FetchedRecord } from "./record-batches.ts";

/** From a fetch response: a transaction that was aborted, and where its records begin in the partition. */
export type AbortedTransaction = { readonly producerId: string; readonly firstOffset: string };

/**
 * Marks the records of aborted transactions as control records, which kafkajs gives to nobody.
 *
 * By itself kafkajs 2.2.4 takes one transaction a record from the list, in the broker's order, which is that
 * of their ends: where aborted transactions of two producers overlap, records of the longer one are handed
 * on as if they were committed.
 */
export function hideAborted(
  records: readonly FetchedRecord[],
  aborted: readonly AbortedTransaction[],
): readonly FetchedRecord[] {
  if (aborted.length === 0) return records;
  const begins = aborted
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: Number(firstOffset) }))
    .sort((one, other) => one.firstOffset - other.firstOffset);
  let next = 0;
  const open = new Set<string>();

  return records.map((record) => {
    const offset = Number(record.offset);
    for (let begin = begins[next]; begin && begin.firstOffset <= offset; begin = begins[++next]) {
      open.add(begin.producerId);
    }
    const { producerId, inTransaction } = record.batchContext;
    if (!open.has(producerId)) return record;
    if (record.isControlRecord) {
      if (isAbortMarker(record)) open.delete(producerId);
      return record;
    }
    return inTransaction ? { ...record, isControlRecord: true } : record;
  });
}

/** A control record's key is its version and its type, two bytes each (KIP-98): 0 aborts, 1 commits. */
const isAbortMarker = ({ key }: FetchedRecord) => key?.readInt16BE(2) === 0;
