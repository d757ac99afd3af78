import { ADVISORY_LOCKS } from "@fiberstream/postgres/advisory-locks";
import { inTransaction, type PgPool } from "@fiberstream/postgres/pool";
import { RowRefusedError } from "@fiberstream/postgres/postgres-errors";
import { exclusively } from "../tables/exclusively.ts";
import { checkedBatches, type CheckedBatch } from "./checked-batches.ts";
import { type ImportFormat, READERS } from "./file-rows.ts";
import {
  finishPosition,
  type ImportKey,
  type ImportPosition,
  movePosition,
  openPosition,
  readPosition,
} from "./import-position.ts";
import { readMetricsColumns } from "./metrics-columns.ts";
import type { Pace } from "./pace.ts";
import type { RejectedRow, RejectedRows } from "./rejected-rows.ts";
import { checkRetention, readTableTimes } from "./retention-check.ts";
import { retryRolledBack } from "./retry-rolled-back.ts";
import type { EventReader } from "./row-event.ts";
import type { UntilRolledUp } from "./until-rolled-up.ts";
import { writeRows } from "./write-rows.ts";

export type ImportedFile = {
  readonly path: string;
  readonly format: ImportFormat;
  readonly key: ImportKey;
  readonly name: string;
  readonly bytes: number;
  readonly startedBy: string;
};

export type ImportLimits = {
  readonly batchRows: number;
  readonly maxRejected: number;
  /** Whether rows may be older than the retention of `metrics`, if roll-ups of that time are kept. */
  readonly allowsExpired: boolean;
};

type ImportOptions = {
  /** With at least two connections: one holds the lock. */
  pool: PgPool;
  file: ImportedFile;
  reader: EventReader;
  limits: ImportLimits;
  /** Begins with the first row again, also if the file was imported. */
  isRestarted: boolean;
  openRejected: (afterRow: number) => Promise<RejectedRows>;
  pace: Pace;
  untilRolledUp: UntilRolledUp;
  onProgress: (progress: { share: number; position: ImportPosition }) => void;
  stopping: AbortSignal;
};

/**
 * Reads a file into `metrics`, from where an earlier attempt has ended. Each batch of rows commits together with the
 * position behind it. Live traffic has precedence: there is one import, one batch at a time, and a pace.
 *
 * @returns the counts of the whole import; its `finishedAt` is null if `stopping` was aborted
 * @throws {TransientError}
 * @throws {FatalError}
 * @throws {Error} with a sentence, when another import is running, or the file cannot be read, or has too many rejected
 *   rows, or too old ones
 */
export const importFile = (options: ImportOptions): Promise<ImportPosition> =>
  exclusively(
    options.pool,
    { lock: ADVISORY_LOCKS.importFile, isHeld: "another import is running in this database" },
    () => importBatches(options),
  );

async function importBatches(options: ImportOptions): Promise<ImportPosition> {
  const { pool, file, reader, limits, isRestarted, pace, onProgress, stopping } = options;
  const times = await readTableTimes(pool);
  const { chunkMs } = times;
  const metrics = await readMetricsColumns(pool);
  await openPosition(pool, file.key, { ...file, isRestarted });
  let position = await positionOf(pool, file.key);
  const rejectedRows = await options.openRejected(position.read);

  /** Writes a batch; if PostgreSQL rejects a value, halves it until the row with the value is alone. */
  const write = async (batch: CheckedBatch): Promise<void> => {
    let areRejectedKept = false;
    const transaction = () =>
      inTransaction(pool, async (client) => {
        const written = await writeRows(client, batch.events, metrics);
        if (!areRejectedKept) await rejectedRows.write(batch.rejected);
        areRejectedKept = true;
        await movePosition(client, file.key, {
          ...written,
          rejected: batch.rejected.length,
          readTo: batch.readTo,
        });
      });
    try {
      await retryRolledBack(transaction, stopping);
    } catch (error) {
      if (!(error instanceof RowRefusedError)) throw error;
      for (const part of withoutRefused(batch, error)) await write(part);
    }
  };

  try {
    const rows = READERS[file.format](file.path);
    const { batchRows: maxRows } = limits;
    const { read } = reader;
    const checked = checkedBatches(rows, { read, afterRow: position.read, maxRows, chunkMs });
    for await (const batch of checked) {
      if (stopping.aborted) return position;
      checkRetention(batch.events, times, limits);
      checkRejected(position.rejected, batch, limits);
      await write(batch);
      position = await positionOf(pool, file.key);
      onProgress({ share: batch.share, position });
      await pace(batch.events.length + batch.rejected.length, stopping);
      await options.untilRolledUp(stopping);
    }
    await finishPosition(pool, file.key);
  } finally {
    await rejectedRows.end();
  }
  return positionOf(pool, file.key);
}

async function positionOf(pool: PgPool, key: ImportKey): Promise<ImportPosition> {
  const position = await readPosition(pool, key);
  if (position === undefined) throw new Error("the row of this import was deleted from imports");
  return position;
}

/** @throws {Error} when there are more than allowed: then it is another kind of file */
export function checkRejected(
  before: number,
  { rejected }: Pick<CheckedBatch, "rejected">,
  { maxRejected }: Pick<ImportLimits, "maxRejected">,
): void {
  const last = rejected.at(-1);
  if (last === undefined || before + rejected.length <= maxRejected) return;
  throw new Error(
    `more than ${maxRejected} rows are rejected, by row ${last.row} (line ${last.line}: ${last.faults[0]?.message}). ` +
      "Correct the file, or raise --max-rejected",
  );
}

/** Returns the halves of a batch; of one event, the batch in which it is rejected. */
function withoutRefused(batch: CheckedBatch, error: RowRefusedError): CheckedBatch[] {
  const { events, rejected, readTo, share } = batch;
  const middle = events[events.length >> 1];
  if (events.length > 1 && middle !== undefined) {
    const isBefore = ({ row }: { readonly row: number }) => row < middle.row;
    const [first, second] = [events.filter(isBefore), events.filter((one) => !isBefore(one))];
    return [
      { events: first, rejected: rejected.filter(isBefore), readTo: middle.row - 1, share },
      { events: second, rejected: rejected.filter((one) => !isBefore(one)), readTo, share },
    ];
  }
  const message = `PostgreSQL rejects the row: SQLSTATE ${error.sqlState}`;
  const refused = events.map(({ row, line }): RejectedRow => ({
    row,
    line,
    faults: [{ message }],
  }));
  const all = [...rejected, ...refused].toSorted((a, b) => a.row - b.row);
  return [{ events: [], rejected: all, readTo, share }];
}
