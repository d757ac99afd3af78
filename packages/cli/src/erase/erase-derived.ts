import { inTransaction, type PgPool, query } from "@fiberstream/postgres/pool";
import { ALERTS_MATCH, CONFLICTS_MATCH, type EraseFilter, filterValues } from "./erase-filter.ts";
import { countErased, type Erasure, type ErasedKind } from "./erasure-record.ts";

/**
 * Deletes what was made of the rows of an erasure: conflicts, the days of data quality, alerts, and the roll-ups of a time whose
 * rows have gone before. (Roll-ups of rows that were deleted now are marked by that, and the sink computes them again.)
 *
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function eraseDerived(pool: PgPool, erasure: Erasure): Promise<void> {
  const { filter, nodeIds } = erasure;
  const untilNone = async (kind: ErasedKind, text: string, values: readonly unknown[]) => {
    for (let erased = 1; erased > 0;) {
      erased = await inTransaction(pool, async (client) => {
        const [deleted] = await query<{ count: number }>(client, text, values);
        const count = deleted?.count ?? 0;
        await countErased(client, erasure, { kind, count });
        return count;
      });
    }
  };
  await untilNone("conflicts", DELETE_CONFLICTS, filterValues(filter));
  await untilNone("quality_days", DELETE_QUALITY_DAYS, qualityValues(filter, nodeIds));
  await untilNone("alerts", DELETE_ALERTS, filterValues(filter));
  await untilNone("roll_ups", ERASE_ROLL_UPS, filterValues(await rollUpTimes(pool, filter)));
}

/** Counts the rows that eraseDerived would delete, but for roll-ups. */
export async function countDerived(
  pool: PgPool,
  filter: EraseFilter,
  nodeIds: readonly string[],
): Promise<{ readonly conflicts: number; readonly qualityDays: number; readonly alerts: number }> {
  const countOf = async (text: string, values: readonly unknown[]) =>
    (await query<{ count: number }>(pool, text, values))[0]?.count ?? 0;
  return {
    conflicts: await countOf(COUNT_CONFLICTS, filterValues(filter)),
    qualityDays: await countOf(COUNT_QUALITY_DAYS, qualityValues(filter, nodeIds)),
    alerts: await countOf(COUNT_ALERTS, filterValues(filter)),
  };
}

/**
 * Quality is kept by node and day: of a tenant, the days of its nodes are deleted; of a span of time, the days that are
 * within it.
 */
function qualityValues(filter: EraseFilter, nodeIds: readonly string[]): unknown[] {
  const { node, tenant } = filter;
  const nodes = node !== undefined ? [node] : tenant !== undefined ? nodeIds : null;
  const { fromMs, toMs } = wholeDaysOf(filter);
  return [
    nodes,
    fromMs === undefined ? null : fromMs / 1_000,
    toMs === undefined ? null : toMs / 1_000,
  ];
}

const DAY_MS = 86_400_000;

/** Returns the filter with the days that are completely within its times. */
export function wholeDaysOf(filter: EraseFilter): EraseFilter {
  const { fromMs, toMs } = filter;
  return {
    ...filter,
    ...(fromMs !== undefined && { fromMs: Math.ceil(fromMs / DAY_MS) * DAY_MS }),
    ...(toMs !== undefined && { toMs: Math.floor(toMs / DAY_MS) * DAY_MS }),
  };
}

const HOUR_MS = 3_600_000;

/** Returns the filter with the hours that are completely within its times; where hours are not kept any more, with the days. */
async function rollUpTimes(pool: PgPool, filter: EraseFilter): Promise<EraseFilter> {
  const { fromMs, toMs } = filter;
  const [hours] = await query<{ keptFromMs: number | null }>(pool, HOURS_KEPT_FROM);
  const hoursFromMs = (hours?.keptFromMs ?? 0) + HOUR_MS;
  const days = wholeDaysOf(filter);
  return {
    ...days,
    ...(fromMs !== undefined &&
      fromMs > hoursFromMs && { fromMs: Math.ceil(fromMs / HOUR_MS) * HOUR_MS }),
    ...(toMs !== undefined && toMs > hoursFromMs && { toMs: Math.floor(toMs / HOUR_MS) * HOUR_MS }),
  };
}

const CONFLICTS_AT_A_TIME = 10_000;
const COUNT_CONFLICTS = `SELECT count(*)::float8 AS count FROM metric_conflicts WHERE ${CONFLICTS_MATCH}`;
const DELETE_CONFLICTS = `
  WITH deleted AS (
    DELETE FROM metric_conflicts WHERE ctid IN (
      SELECT ctid FROM metric_conflicts WHERE ${CONFLICTS_MATCH} LIMIT ${CONFLICTS_AT_A_TIME}
    ) RETURNING 1
  )
  SELECT count(*)::integer AS count FROM deleted`;

const COUNT_ALERTS = `SELECT count(*)::float8 AS count FROM node_alerts WHERE ${ALERTS_MATCH}`;
const DELETE_ALERTS = `
  WITH deleted AS (
    DELETE FROM node_alerts WHERE ctid IN (
      SELECT ctid FROM node_alerts WHERE ${ALERTS_MATCH} LIMIT ${CONFLICTS_AT_A_TIME}
    ) RETURNING 1
  )
  SELECT count(*)::integer AS count FROM deleted`;

const QUALITY_MATCH = `
  ($1::text[] IS NULL OR node_id = ANY ($1))
  AND ($2::float8 IS NULL OR day >= (to_timestamp($2) AT TIME ZONE 'UTC')::date)
  AND ($3::float8 IS NULL OR day < (to_timestamp($3) AT TIME ZONE 'UTC')::date)`;
const COUNT_QUALITY_DAYS = `SELECT count(*)::float8 AS count FROM metric_quality_daily WHERE ${QUALITY_MATCH}`;
const DELETE_QUALITY_DAYS = `
  WITH deleted AS (
    DELETE FROM metric_quality_daily WHERE (day, node_id) IN (
      SELECT day, node_id FROM metric_quality_daily WHERE ${QUALITY_MATCH} LIMIT ${CONFLICTS_AT_A_TIME}
    ) RETURNING 1
  )
  SELECT count(*)::integer AS count FROM deleted`;

const HOURS_KEPT_FROM = `
  SELECT extract(epoch FROM now() - drop_after)::float8 * 1000 AS "keptFromMs"
  FROM data_lifecycle WHERE relation = 'metrics_1h'`;
// The function erases some in each call, and only those whose rows have gone: it changes nothing of a span without a whole hour.
const ERASE_ROLL_UPS = `
  SELECT CASE WHEN begins_at < ends_at THEN rollup_erase(begins_at, ends_at, $1, $2) ELSE 0 END AS count
  FROM (
    SELECT coalesce(to_timestamp($3::float8), '-infinity') AS begins_at,
           coalesce(to_timestamp($4::float8), 'infinity') AS ends_at
  ) AS span`;
