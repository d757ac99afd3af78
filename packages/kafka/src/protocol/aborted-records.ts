import type { FetchedRecord } from "./record-batch-reader.ts";

/** From a fetch response: an aborted transaction, and the offset of its first record in the partition. */
export type AbortedTransaction = { readonly producerId: string; readonly firstOffset: string };

/**
 * Marks the records of aborted transactions as control records, which consumers do not get.
 *
 * kafkajs 2.2.4 takes one transaction for each record from the list, in the broker's order, which is the order of their
 * ends. If aborted transactions of two producers overlap, it returns records of the longer one as committed.
 *
 * The broker's list may be incomplete: a replica that has copied two aborted transactions at once lists only the first one
 * in a fetch that ends shortly after them (Kafka 3.9.1: both have the same last stable offset in its index, where the
 * search ends). So a transaction's end marker, if it was fetched too, takes precedence over the list.
 */
export function hideAborted(
  records: readonly FetchedRecord[],
  aborted: readonly AbortedTransaction[],
): readonly FetchedRecord[] {
  const hasAbort = records.some((record) => record.isControlRecord && isAbortMarker(record));
  if (aborted.length === 0 && !hasAbort) return records;
  const isHidden = records.map(createAbortedList(aborted));
  /** By producer, whether the transaction that ends next in the log was aborted. */
  const ends = new Map<string, boolean>();
  for (let at = records.length - 1; at >= 0; at--) {
    const record = records[at];
    if (record === undefined) continue;
    const { producerId, inTransaction } = record.batchContext;
    if (record.isControlRecord) ends.set(producerId, isAbortMarker(record));
    else isHidden[at] = inTransaction && (ends.get(producerId) ?? isHidden[at] === true);
  }
  const hide = (record: FetchedRecord): FetchedRecord => ({ ...record, isControlRecord: true });
  return records.map((record, at) => (isHidden[at] === true ? hide(record) : record));
}

/** @returns a function to call with each record in order: whether the broker's list has its transaction */
function createAbortedList(
  aborted: readonly AbortedTransaction[],
): (record: FetchedRecord) => boolean {
  const begins = aborted
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: Number(firstOffset) }))
    .sort((a, b) => a.firstOffset - b.firstOffset);
  let next = 0;
  const open = new Set<string>();
  return (record) => {
    const offset = Number(record.offset);
    for (let begin = begins[next]; begin && begin.firstOffset <= offset; begin = begins[++next]) {
      open.add(begin.producerId);
    }
    const { producerId } = record.batchContext;
    const isIn = open.has(producerId);
    if (record.isControlRecord && isAbortMarker(record)) open.delete(producerId);
    return isIn;
  };
}

/** A control record's key is its version and its type, two bytes each (KIP-98): 0 aborts, 1 commits. */
const isAbortMarker = ({ key }: FetchedRecord) => key?.readInt16BE(2) === 0;
