import { ADVISORY_LOCKS } from "@fiberstream/postgres/advisory-locks";
import { inTransaction, type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import type { Log } from "@fiberstream/runtime/log";
import { MEASURE_NODES } from "./quality-sql.ts";

/** Limits of what one statement measures, so that it ends well within the 30 s of the statement timeout. */
export type QualityLimits = {
  readonly nodesPerBatch: number;
  /** 173,000 rows take 2 s on two busy cores. */
  readonly rowsPerBatch: number;
  /** A node with more rows than a batch is measured alone. With more than this it is not measured that day. */
  readonly maxRowsOfNode: number;
};

export const QUALITY_LIMITS: QualityLimits = {
  nodesPerBatch: 20,
  rowsPerBatch: 200_000,
  maxRowsOfNode: 1_000_000,
};

/**
 * Measures some nodes of the day that is due next. Today is due every 5 minutes; each day is due again 10 minutes after
 * its end and a day later, for late events. With many nodes today is measured less often: its passes take a twentieth of
 * the time at most. One sink measures at a time. A batch is one idempotent transaction.
 *
 * @returns whether more is due now
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function measureQuality(
  pool: PgPool,
  options: { limits?: QualityLimits; log: Pick<Log, "warn"> },
): Promise<boolean> {
  const { limits = QUALITY_LIMITS, log } = options;
  return inTransaction(pool, async (client) => {
    const [lock] = await query<{ isOurs: boolean }>(client, TRY_LOCK);
    if (!lock?.isOurs) return false;
    const [due] = await query<Due>(client, SELECT_DUE);
    if (due === undefined) return false;
    if (due.after === null) await query(client, BEGIN_PASS, [due.day]);
    const batch = await selectBatch(client, due, limits);
    if (batch.isTooLarge) {
      log.warn(
        { day: due.day, nodeId: batch.nodes[0] },
        "node has too many rows, skipped its quality for the day",
      );
    } else {
      await query(client, MEASURE_NODES, [batch.nodes, due.day, due.until]);
    }
    if (batch.isLast) {
      await query(client, END_PASS, [due.day]);
      await query(client, DELETE_OLD);
    } else {
      await query(client, SAVE_PROGRESS, [due.day, batch.nodes.at(-1)]);
    }
    return true;
  });
}

type Due = {
  readonly day: string;
  readonly until: Date;
  /** The last node that an unfinished pass has measured; null: a new pass begins. */
  readonly after: string | null;
};

type Batch = {
  readonly nodes: readonly string[];
  readonly isTooLarge: boolean;
  readonly isLast: boolean;
};

/** Returns as many of the next nodes as one statement can measure by their number of rows; at least one. */
async function selectBatch(
  client: PgClient,
  { day, until, after }: Due,
  { nodesPerBatch, rowsPerBatch, maxRowsOfNode }: QualityLimits,
): Promise<Batch> {
  const found = await query<{ node_id: string }>(client, SELECT_NODES, [
    after ?? "",
    nodesPerBatch,
  ]);
  const rowsOf = async (node: string, most: number) => {
    const [counted] = await query<{ rows: number }>(client, COUNT_ROWS, [node, day, until, most]);
    return counted?.rows ?? 0;
  };
  const nodes: string[] = [];
  let isTooLarge = false;
  let rows = 0;
  for (const { node_id } of found) {
    rows += await rowsOf(node_id, rowsPerBatch + 1);
    if (rows > rowsPerBatch && nodes.length > 0) break;
    nodes.push(node_id);
    if (rows <= rowsPerBatch) continue;
    isTooLarge = (await rowsOf(node_id, maxRowsOfNode + 1)) > maxRowsOfNode;
    break;
  }
  const isLast = nodes.length === found.length && found.length < nodesPerBatch;
  return { nodes, isTooLarge, isLast };
}

const TRY_LOCK = `SELECT pg_try_advisory_xact_lock(${ADVISORY_LOCKS.measureQuality}) AS "isOurs"`;

// Today ends 2 minutes ago: newer events may still be on the way.
const SELECT_DUE = `
  WITH days AS (
    SELECT day::date AS day, day AT TIME ZONE 'UTC' AS begins,
           (day + interval '1 day') AT TIME ZONE 'UTC' AS ends
    FROM generate_series(
      date_trunc('day', now() AT TIME ZONE 'UTC') - interval '2 days',
      date_trunc('day', now() AT TIME ZONE 'UTC'),
      interval '1 day'
    ) AS day
  )
  SELECT day::text AS day, least(ends, now() - interval '2 minutes') AS until,
         CASE WHEN finished_at IS NULL THEN next_node END AS after
  FROM days LEFT JOIN metric_quality_days USING (day)
  WHERE now() > begins + interval '10 minutes' AND (
    started_at IS NULL
    OR finished_at IS NULL
    OR (now() < ends AND
        started_at < now() - greatest(interval '5 minutes', 20 * (finished_at - started_at)))
    OR (now() > ends + interval '10 minutes' AND started_at < ends + interval '10 minutes')
    OR (now() > ends + interval '1 day' AND started_at < ends + interval '1 day')
  )
  ORDER BY day
  LIMIT 1`;

const BEGIN_PASS = `
  INSERT INTO metric_quality_days (day, started_at) VALUES ($1, now())
  ON CONFLICT (day) DO UPDATE SET started_at = now(), next_node = NULL, finished_at = NULL`;

const SELECT_NODES = `
  SELECT node_id FROM nodes WHERE node_id > $1 ORDER BY node_id LIMIT $2`;

const COUNT_ROWS = `
  SELECT count(*)::integer AS rows
  FROM (
    SELECT FROM metrics
    WHERE node_id = $1 AND time >= $2::date::timestamp AT TIME ZONE 'UTC' AND time < $3::timestamptz
    LIMIT $4
  ) AS counted`;

const SAVE_PROGRESS = `UPDATE metric_quality_days SET next_node = $2 WHERE day = $1`;

const END_PASS = `UPDATE metric_quality_days SET next_node = NULL, finished_at = now() WHERE day = $1`;

// Retained as long as the daily roll-ups.
const DELETE_OLD = `
  WITH oldest AS (
    SELECT (now() - drop_after)::date AS day FROM data_lifecycle WHERE relation = 'metrics_1d'
  ), forgotten AS (
    DELETE FROM metric_quality_days USING oldest WHERE metric_quality_days.day < oldest.day
  )
  DELETE FROM metric_quality_daily USING oldest WHERE metric_quality_daily.day < oldest.day`;
