import type { FileRow, FileRows } from "./file-rows.ts";
import type { RejectedRow } from "./rejected-rows.ts";
import type { ReadEvent } from "./row-event.ts";
import type { EventRow } from "./write-rows.ts";

/** Consecutive rows of a file, checked. */
export type CheckedBatch = {
  readonly events: readonly EventRow[];
  readonly rejected: readonly RejectedRow[];
  /** The last row of the batch. */
  readonly readTo: number;
  readonly share: number;
};

/** The locks of one transaction: about four for each chunk, of the 6,400 that PostgreSQL has by default. */
const MAX_CHUNKS = 64;

/**
 * Checks rows and groups them. A batch has at most `maxRows` rows, and its events are in at most 64 chunks of the table:
 * a transaction locks each chunk that it touches, and creates those that are missing.
 *
 * @param options.afterRow the first row is the one after it
 * @param options.chunkMs length of a chunk
 */
export async function* checkedBatches(
  files: AsyncIterable<FileRows>,
  options: { read: ReadEvent; afterRow: number; maxRows: number; chunkMs: number },
): AsyncGenerator<CheckedBatch> {
  const { read, afterRow, maxRows, chunkMs } = options;
  let batch = emptyBatch();
  for await (const { rows, share } of files) {
    for (const row of rows) {
      if (row.row <= afterRow) continue;
      const checked = check(row, read);
      if ("event" in checked) {
        const chunk = Math.floor(checked.event.timestamp / 1_000 / chunkMs);
        if (batch.chunks.size >= MAX_CHUNKS && !batch.chunks.has(chunk)) {
          yield { ...batch, share };
          batch = emptyBatch();
        }
        batch.chunks.add(chunk);
        batch.events.push(checked);
      } else batch.rejected.push(checked);
      batch.readTo = row.row;
      if (batch.events.length + batch.rejected.length < maxRows) continue;
      yield { ...batch, share };
      batch = emptyBatch();
    }
  }
  if (batch.readTo > 0) yield { ...batch, share: 1 };
}

const emptyBatch = () => ({
  events: [] as EventRow[],
  rejected: [] as RejectedRow[],
  chunks: new Set<number>(),
  readTo: 0,
});

function check(found: FileRow, read: ReadEvent): EventRow | RejectedRow {
  const { row, line } = found;
  if ("problem" in found) return { row, line, faults: [{ message: found.problem }] };
  const event = read(found.values);
  return Array.isArray(event) ? { row, line, faults: event } : { row, line, event };
}
