import { hideAborted } from "../aborted-records.ts";
import { readRecordBatches } from "../record-batches.ts";
import type { IncomingRecord } from "../records.ts";
import type { FetchedBytes } from "./fetch-request.ts";

/**
 * The committed records of a partition from `from` on, without the markers of transactions.
 * @throws {Error} when they cannot be read: of an old format, or broken
 */
export function committedRecords(
  { records, aborted }: FetchedBytes,
  from: bigint,
): readonly IncomingRecord[] {
  const found = readRecordBatches(records, 0, records.length);
  if (found === undefined) throw new Error("its format is older than message format 2");
  const visible = hideAborted(found, aborted) as readonly (IncomingRecord & {
    isControlRecord: boolean;
  })[];
  const begin = Number(from);
  // A compressed batch comes as a whole, also when it begins before.
  return visible.filter(
    ({ isControlRecord, offset }) => !isControlRecord && Number(offset) >= begin,
  );
}
