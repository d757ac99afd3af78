import { hideAborted } from "./aborted-records.ts";
import { type ReadBatches, readRecordBatches } from "./record-batch-reader.ts";
import type { IncomingRecord } from "../records.ts";
import type { FetchedBytes } from "./fetch-request.ts";

/**
 * Returns the committed records of a partition from offset `from`, without transaction markers, and the end of the
 * batches that were read.
 * @throws {PartitionFaultError} if they cannot be read
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
  // A fetch returns whole batches, which may begin before `from`.
  const wanted = visible.filter(
    ({ isControlRecord, offset }) => !isControlRecord && Number(offset) >= begin,
  );
  return { records: wanted, end: found.end };
}
