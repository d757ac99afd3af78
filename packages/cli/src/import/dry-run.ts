import type { PgPool } from "@fiberstream/postgres/pool";
import { checkedBatches } from "./checked-batches.ts";
import { type ImportedFile, type ImportLimits, checkRejected } from "./import-file.ts";
import { READERS } from "./file-rows.ts";
import type { RejectedRows } from "./rejected-rows.ts";
import { isExpired, isKeptNowhere, readTableTimes } from "./retention-check.ts";
import type { EventReader } from "./row-event.ts";
import { countNew } from "./write-rows.ts";

/** What an import would do. */
export type ImportForecast = {
  readonly read: number;
  readonly rejected: number;
  /** Not in `metrics` yet. */
  readonly isNew: number;
  /** Older than the retention of `metrics`. */
  readonly expired: number;
  /** Those of them that are older than the retention of the roll-ups, too. */
  readonly keptNowhere: number;
  readonly missingNodes: number;
  /** Microseconds since 1970 of the oldest and the newest event; undefined if there is none. */
  readonly oldest: number | undefined;
  readonly newest: number | undefined;
};

/** The ids of missing nodes are remembered, so that each is counted once. */
const MAX_NODES = 1_000_000;

/**
 * Reads and checks a whole file, and looks its events up, without a change to the database.
 * @returns undefined if `stopping` was aborted
 * @throws as importFile does, but not for rows that are too old
 */
export async function forecastImport(options: {
  pool: PgPool;
  file: Pick<ImportedFile, "path" | "format">;
  reader: EventReader;
  limits: ImportLimits;
  rejectedRows: RejectedRows;
  onProgress: (progress: { share: number; read: number }) => void;
  stopping: AbortSignal;
}): Promise<ImportForecast | undefined> {
  const { pool, file, reader, limits, rejectedRows, onProgress, stopping } = options;
  const times = await readTableTimes(pool);
  const { chunkMs } = times;
  const counts = { read: 0, rejected: 0, isNew: 0, expired: 0, keptNowhere: 0 };
  const missing = new Set<string>();
  let oldest = Infinity;
  let newest = -Infinity;
  const rows = READERS[file.format](file.path);
  const { read } = reader;
  const maxRows = limits.batchRows;
  try {
    for await (const batch of checkedBatches(rows, { read, afterRow: 0, maxRows, chunkMs })) {
      if (stopping.aborted) return undefined;
      checkRejected(counts.rejected, batch, limits);
      await rejectedRows.write(batch.rejected);
      const { events, nodes } = await countNew(pool, batch.events);
      counts.read = batch.readTo;
      counts.rejected += batch.rejected.length;
      counts.isNew += events;
      counts.expired += batch.events.filter((row) => isExpired(row, times)).length;
      counts.keptNowhere += batch.events.filter((row) => isKeptNowhere(row, times)).length;
      for (const node of nodes) if (missing.size < MAX_NODES) missing.add(node);
      for (const { event } of batch.events) {
        oldest = Math.min(oldest, event.timestamp);
        newest = Math.max(newest, event.timestamp);
      }
      onProgress({ share: batch.share, read: counts.read });
    }
  } finally {
    await rejectedRows.end();
  }
  const hasEvents = newest !== -Infinity;
  return {
    ...counts,
    missingNodes: missing.size,
    oldest: hasEvents ? oldest : undefined,
    newest: hasEvents ? newest : undefined,
  };
}
