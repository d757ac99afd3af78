import { type PgPool, query } from "@fiberstream/postgres/pool";
import { isoMicros } from "../records/micros.ts";
import type { EventRow } from "./write-rows.ts";

/** Of the table `metrics`. */
export type TableTimes = {
  /** Length of a chunk. */
  readonly chunkMs: number;
  /** How long rows are kept; null if for ever. */
  readonly keepDays: number | null;
  /** How long roll-ups of a day are kept, the longest of all; null if for ever. */
  readonly keepRollUpDays: number | null;
  readonly nowMs: number;
};

/**
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function readTableTimes(pool: PgPool): Promise<TableTimes> {
  const [times] = await query<TableTimes>(pool, SELECT_TIMES);
  if (times === undefined) throw new Error("the table metrics is not a hypertable");
  return times;
}

/** Returns whether the next retention run would drop the row. */
export const isExpired = (
  { event }: EventRow,
  { keepDays, nowMs }: Pick<TableTimes, "keepDays" | "nowMs">,
): boolean => isOlder(event, keepDays, nowMs);

/** Returns whether the next retention run would drop also what the roll-ups have of the row. */
export const isKeptNowhere = (
  { event }: EventRow,
  { keepRollUpDays, nowMs }: Pick<TableTimes, "keepRollUpDays" | "nowMs">,
): boolean => isOlder(event, keepRollUpDays, nowMs);

const isOlder = ({ timestamp }: EventRow["event"], days: number | null, nowMs: number): boolean =>
  days !== null && timestamp / 1_000 < nowMs - days * 86_400_000;

/**
 * @param options.allowsExpired whether rows may be older than the retention of `metrics`
 * @throws {Error} when nothing would be kept of a row, or only roll-ups and that is not allowed
 */
export function checkRetention(
  rows: readonly EventRow[],
  times: TableTimes,
  { allowsExpired }: { allowsExpired: boolean },
): void {
  const gone = rows.find((row) => isKeptNowhere(row, times));
  if (gone !== undefined) {
    throw new Error(
      `row ${gone.row} is of ${isoMicros(gone.event.timestamp).slice(0, 10)}, and roll-ups of a day are kept for ${times.keepRollUpDays} days: ` +
        "the next retention run would drop all that there is of it. Set RETENTION_DAILY_DAYS to the age of the oldest row and run " +
        "npm run deploy:migrate, or leave such rows out",
    );
  }
  const expired = rows.find((row) => isExpired(row, times));
  if (expired === undefined || allowsExpired) return;
  throw new Error(
    `row ${expired.row} is of ${isoMicros(expired.event.timestamp).slice(0, 10)}, and rows are kept for ${times.keepDays} days: ` +
      "the next retention run would drop it. Set RETENTION_RAW_DAYS to the age of the oldest row and run " +
      "npm run deploy:migrate, or add --allow-expired: then its row is dropped, and what the roll-ups have of it stays",
  );
}

const SELECT_TIMES = `
  SELECT extract(epoch FROM time_interval)::float8 * 1000 AS "chunkMs",
         (SELECT extract(epoch FROM drop_after)::float8 / 86400
          FROM data_lifecycle WHERE relation = 'metrics') AS "keepDays",
         (SELECT extract(epoch FROM drop_after)::float8 / 86400
          FROM data_lifecycle WHERE relation = 'metrics_1d') AS "keepRollUpDays",
         extract(epoch FROM now())::float8 * 1000 AS "nowMs"
  FROM timescaledb_information.dimensions
  WHERE hypertable_schema = current_schema AND hypertable_name = 'metrics' AND dimension_number = 1`;
