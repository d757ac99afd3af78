import { inTransaction, type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { MEASURE_NODES } from "./quality-sql.ts";

/**
 * With an event in 10 s each these are 173,000 rows of a day, which take 2 s on two busy cores; with one a second
 * 20 s, which is still within a statement's time.
 */
export const NODES_PER_PORTION = 20;

/**
 * Measures the day that is due next, some nodes of it: today each 5 minutes, a day once more 10 minutes after
 * its end and again a day later, for what came late. With many nodes today's turn comes less often: passes over
 * it take a twentieth of the time at most. One sink at a time; a portion is one transaction, and the same
 * however often it is done.
 *
 * @returns whether there is more to do now @throws {TransientError} @throws {FatalError}
 */
export async function measureQuality(pool: PgPool): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const [lock] = await query<{ isOurs: boolean }>(client, TRY_LOCK);
    if (!lock?.isOurs) return false;
    const [due] = await query<Due>(client, SELECT_DUE);
    if (due === undefined) return false;
    return measurePortion(client, due);
  });
}

type Due = {
  readonly day: string;
  readonly until: Date;
  /** Where an unfinished pass goes on; null: a new one begins. */
  readonly after: string | null;
};

async function measurePortion(client: PgClient, { day, until, after }: Due): Promise<boolean> {
  if (after === null) await query(client, BEGIN_PASS, [day]);
  const rows = await query<{ node_id: string }>(client, SELECT_NODES, [
    after ?? "",
    NODES_PER_PORTION,
  ]);
  const nodes = rows.map(({ node_id }) => node_id);
  await query(client, MEASURE_NODES, [nodes, day, until]);
  const isLast = nodes.length < NODES_PER_PORTION;
  if (isLast) {
    await query(client, END_PASS, [day]);
    await query(client, FORGET_OLD);
  } else {
    await query(client, GO_ON_AFTER, [day, nodes.at(-1)]);
  }
  return true;
}

const TRY_LOCK = `SELECT pg_try_advisory_xact_lock(4130772503) AS "isOurs"`;

// Of today only what is 2 minutes old: what was measured just now may be on its way.
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

const GO_ON_AFTER = `UPDATE metric_quality_days SET next_node = $2 WHERE day = $1`;

const END_PASS = `UPDATE metric_quality_days SET next_node = NULL, finished_at = now() WHERE day = $1`;

// As long as the daily aggregates are kept.
const FORGET_OLD = `
  WITH oldest AS (
    SELECT (now() - drop_after)::date AS day FROM data_lifecycle WHERE relation = 'metrics_1d'
  ), forgotten AS (
    DELETE FROM metric_quality_days USING oldest WHERE metric_quality_days.day < oldest.day
  )
  DELETE FROM metric_quality_daily USING oldest WHERE metric_quality_daily.day < oldest.day`;
