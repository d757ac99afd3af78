import { type PgPool, query } from "@fiberstream/postgres/pool";
import { isoMicros } from "../records/micros.ts";
import type { EventRow } from "./write-rows.ts";

/** Of the table `metrics`. */
export type TableTimes = {
  /** Length of a chunk. */
  readonly chunkMs: number;
  /** How long rows are kept; null if for ever. */
  readonly keepDays: number | null;
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
): boolean => keepDays !== null && event.timestamp / 1_000 < nowMs - keepDays * 86_400_000;

/** @throws {Error} when rows are older than the retention of `metrics` */
export function checkRetention(rows: readonly EventRow[], times: TableTimes): void {
  const expired = rows.find((row) => isExpired(row, times));
  if (expired === undefined) return;
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
         extract(epoch FROM now())::float8 * 1000 AS "nowMs"
  FROM timescaledb_information.dimensions
  WHERE hypertable_schema = current_schema AND hypertable_name = 'metrics' AND dimension_number = 1`;
