import { hideAborted } from "./aborted-records.ts";
import { type ReadBatches, readRecordBatches } from "./record-batch-reader.ts";
import type { IncomingRecord } from "../records.ts";
import type { FetchedBytes } from "./fetch-request.ts";

/**
 * The committed records of a partition from `from` on, without the markers of transactions, and where the batches
 * that were read end.
 * @throws {PartitionFaultError} when they cannot be read
 */
export function committedRecords(
  { records, aborted }: FetchedBytes,
  from: bigint,
): { readonly records: readonly IncomingRecord[]; readonly end: ReadBatches["end"] } {
  const found = readRecordBatches(records);
  const visible = hideAborted(found.records, aborted) as readonly (IncomingRecord & {
    isControlRecord: boolean;
  })[];
  const begin = Number(from);
  // A compressed batch comes as a whole, also when it begins before.
  const wanted = visible.filter(
    ({ isControlRecord, offset }) => !isControlRecord && Number(offset) >= begin,
  );
  return { records: wanted, end: found.end };
}
