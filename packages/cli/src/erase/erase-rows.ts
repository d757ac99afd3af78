import { inTransaction, type PgPool, query } from "@fiberstream/postgres/pool";
import type { UntilRolledUp } from "../import/until-rolled-up.ts";
import type { Pace } from "../import/pace.ts";
import { countErased, type Erasure } from "./erasure-record.ts";
import { type EraseFilter, filterValues, ROWS_MATCH } from "./erase-filter.ts";

/** Times in ms since 1970, from `fromMs` to before `toMs`. */
type Span = { readonly fromMs: number; readonly toMs: number };

/** Rows that one transaction deletes at most, if they are not of the same millisecond. */
const MAX_ROWS = 20_000;

/**
 * Deletes the rows of an erasure from `metrics`, some in each transaction, from where an earlier attempt has ended.
 *
 * @returns the number of rows; undefined if `stopping` was aborted
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function eraseRows(options: {
  pool: PgPool;
  erasure: Erasure;
  maxRows?: number;
  pace: Pace;
  untilRolledUp: UntilRolledUp;
  onProgress: (progress: { share: number; rows: number }) => void;
  stopping: AbortSignal;
}): Promise<number | undefined> {
  const { pool, erasure, maxRows = MAX_ROWS, pace, untilRolledUp, onProgress, stopping } = options;
  const { erasedToMs = -Infinity, filter } = erasure;
  const spans = (await chunkSpans(pool, filter)).filter(({ toMs }) => toMs > erasedToMs);
  let rows = 0;
  for (const [at, span] of spans.entries()) {
    const { toMs } = span;
    let fromMs = Math.max(span.fromMs, erasedToMs);
    for (let widthMs = toMs - fromMs; fromMs < toMs;) {
      if (stopping.aborted) return undefined;
      const slice = { fromMs, toMs: Math.min(toMs, fromMs + widthMs) };
      if (widthMs > 1 && (await hasMore(pool, filter, slice, maxRows))) {
        widthMs = Math.ceil(widthMs / 2);
        continue;
      }
      const deleted = await deleteSlice(pool, erasure, slice);
      rows += deleted;
      fromMs = slice.toMs;
      widthMs *= 2;
      onProgress({ share: (at + 1 - (toMs - fromMs) / (toMs - span.fromMs)) / spans.length, rows });
      await pace(deleted, stopping);
      await untilRolledUp(stopping);
    }
  }
  return rows;
}

/** Returns the spans of the chunks that there are, within the filter's times: nothing else of the time is visited. */
async function chunkSpans(pool: PgPool, { fromMs, toMs }: EraseFilter): Promise<Span[]> {
  const chunks = await query<Span>(pool, SELECT_CHUNKS);
  return chunks
    .map((chunk) => ({
      fromMs: Math.max(chunk.fromMs, fromMs ?? -Infinity),
      toMs: Math.min(chunk.toMs, toMs ?? Infinity),
    }))
    .filter((span) => span.fromMs < span.toMs);
}

async function hasMore(
  pool: PgPool,
  filter: EraseFilter,
  slice: Span,
  maxRows: number,
): Promise<boolean> {
  const [found] = await query<{ rows: number }>(pool, COUNT_UP_TO, [
    ...filterValues({ ...filter, ...slice }),
    maxRows + 1,
  ]);
  return (found?.rows ?? 0) > maxRows;
}

async function deleteSlice(pool: PgPool, erasure: Erasure, slice: Span): Promise<number> {
  return inTransaction(pool, async (client) => {
    await query(client, LIFT_DECOMPRESSION_LIMIT);
    const [deleted] = await query<{ rows: number }>(
      client,
      DELETE_SLICE,
      filterValues({ ...erasure.filter, ...slice }),
    );
    const count = deleted?.rows ?? 0;
    await countErased(client, erasure, { kind: "rows", count, erasedToMs: slice.toMs });
    return count;
  });
}

/**
 * Counts the rows of a filter, chunk by chunk.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function countRows(pool: PgPool, filter: EraseFilter): Promise<number> {
  let rows = 0;
  for (const span of await chunkSpans(pool, filter)) {
    const values = filterValues({ ...filter, ...span });
    const [found] = await query<{ rows: number }>(pool, COUNT, values);
    rows += found?.rows ?? 0;
  }
  return rows;
}

const SELECT_CHUNKS = `
  SELECT extract(epoch FROM range_start)::float8 * 1000 AS "fromMs",
         extract(epoch FROM range_end)::float8 * 1000 AS "toMs"
  FROM timescaledb_information.chunks
  WHERE hypertable_schema = current_schema AND hypertable_name = 'metrics'
  ORDER BY range_start`;

const COUNT = `SELECT count(*)::float8 AS rows FROM metrics WHERE ${ROWS_MATCH}`;
const COUNT_UP_TO = `
  SELECT count(*)::integer AS rows FROM (SELECT FROM metrics WHERE ${ROWS_MATCH} LIMIT $5) AS found`;
const DELETE_SLICE = `
  WITH deleted AS (DELETE FROM metrics WHERE ${ROWS_MATCH} RETURNING 1)
  SELECT count(*)::integer AS rows FROM deleted`;

// Compressed rows are decompressed to delete some of them, by default at most 100,000. The other edition has no such limit.
const LIFT_DECOMPRESSION_LIMIT = `
  SELECT set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true)
  WHERE current_setting('timescaledb.license') <> 'apache'`;
