import { ADVISORY_LOCKS } from "@fiberstream/postgres/advisory-locks";
import { inTransaction, type PgPool, query } from "@fiberstream/postgres/pool";
import type { Log } from "@fiberstream/runtime/log";
import { createRepeatedTask, type RepeatedTask } from "@fiberstream/runtime/repeated-task";
import type { DatabaseGauges } from "./database-gauges.ts";
import { measureQuality } from "./measure-quality.ts";
import type { PathLag } from "./path-progress.ts";
import type { QualityMetrics } from "./quality-metrics.ts";
import type { RollUp } from "../rollups/roll-up.ts";
import type { RollUpMetrics } from "../rollups/roll-up-metrics.ts";

/**
 * Periodic maintenance: marks silent nodes inactive, terminates the sessions of sinks that are frozen in a write,
 * computes roll-ups, measures data quality, and deletes what is past retention.
 *
 * @param options.mayMeasure whether the sink is ready; while it is not, no day is measured
 * @param options.pathLag how far the pipeline is behind: a node whose events are still on the way is not silent
 */
export function createMaintenance(options: {
  pool: PgPool;
  silentAfterMs: number;
  mayMeasure: () => boolean;
  pathLag: PathLag;
  rollUp: RollUp;
  rollUps: Pick<RollUpMetrics, "refresh">;
  rollUpIntervalMs: number;
  quality: QualityMetrics;
  gauges: DatabaseGauges;
  log: Log;
}): RepeatedTask {
  const { pool, mayMeasure, rollUp, rollUps, quality, gauges, log } = options;
  const checkSessions = async () => {
    const frozen = await terminateFrozenWrites(pool);
    if (frozen > 0) log.warn({ count: frozen }, "terminated stalled sink sessions");
    const silent = await markSilentNodes(options);
    if (silent > 0) log.info({ count: silent }, "marked silent nodes inactive");
  };
  const applyRetention = async () => {
    const dropped = await dropOldChunks(pool);
    if (dropped > 0) log.info({ count: dropped }, "dropped chunks past retention");
    const conflicts = await dropOldConflicts(pool);
    if (conflicts > 0) log.info({ count: conflicts }, "dropped conflicts past retention");
    const alerts = await dropOldAlerts(pool);
    if (alerts > 0) log.info({ count: alerts }, "dropped alerts past retention");
    const changes = await dropOldChanges(pool);
    if (changes > 0) log.info({ count: changes }, "dropped changes past retention");
  };
  const measure = async () => {
    const endAtMs = performance.now() + MEASURE_FOR_MS;
    while (mayMeasure() && performance.now() < endAtMs && (await measureQuality(pool, { log })));
  };
  let isEnding = false;
  const tasks = [
    createRepeatedTask({
      name: "check database",
      work: () => gauges.refresh(pool),
      intervalMs: 15_000,
      startsAtOnce: true,
      log,
    }),
    createRepeatedTask({
      name: "roll up",
      work: () => rollUp({ forMs: ROLL_UP_FOR_MS, isEnding: () => isEnding }),
      intervalMs: options.rollUpIntervalMs,
      log,
    }),
    createRepeatedTask({
      name: "read roll-up progress",
      work: () => rollUps.refresh(pool),
      intervalMs: 15_000,
      startsAtOnce: true,
      log,
    }),
    createRepeatedTask({ name: "check sessions", work: checkSessions, intervalMs: 5_000, log }),
    createRepeatedTask({ name: "measure quality", work: measure, intervalMs: 5_000, log }),
    createRepeatedTask({
      name: "read quality",
      work: () => quality.refresh(pool),
      intervalMs: 15_000,
      log,
    }),
    createRepeatedTask({ name: "apply retention", work: applyRetention, intervalMs: 600_000, log }),
  ];

  return {
    begin: () => {
      for (const task of tasks) task.begin();
    },
    end: async () => {
      isEnding = true;
      await Promise.all(tasks.map((task) => task.end()));
    },
  };
}

/** Then it rests, and another sink may take over. */
const ROLL_UP_FOR_MS = 1_000;
/** At most so much of each 5 s, because measuring a day occupies a connection and a core of the database. */
const MEASURE_FOR_MS = 1_000;

/**
 * Marks nodes that have become silent. While received events are not all stored yet (a backlog drains, the
 * processor is unavailable) a node counts as silent only if it was so before that.
 * @returns how many
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function markSilentNodes(options: {
  pool: PgPool;
  silentAfterMs: number;
  pathLag: PathLag;
}): Promise<number> {
  const { pool, silentAfterMs, pathLag } = options;
  // Kafka is asked only if there may be silent nodes.
  const [found] = await query<{ areAny: boolean }>(pool, ARE_ANY_SILENT, [silentAfterMs]);
  if (found?.areAny !== true) return 0;
  const lagMs = await pathLag();
  return lagMs === undefined ? 0 : markSilent(pool, silentAfterMs + lagMs);
}

/**
 * Marks nodes that have sent nothing for so long as inactive.
 * @returns how many
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function markSilent(pool: PgPool, silentAfterMs: number): Promise<number> {
  return (await query(pool, MARK_SILENT, [silentAfterMs])).length;
}

/**
 * Drops chunks of metrics and of the roll-ups by the table data_lifecycle: rows once the roll-ups have counted them. One sink
 * does it at a time, not while roll-ups are computed, and waits at most 2 s for a lock.
 * @returns how many
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function dropOldChunks(pool: PgPool): Promise<number> {
  return inTransaction(pool, async (client) => {
    const [lock] = await query<{ isOurs: boolean }>(client, TRY_LOCK);
    if (!lock?.isOurs) return 0;
    await query(client, "SET LOCAL lock_timeout = '2s'");
    const [dropped] = await query<{ chunks: number }>(client, DROP_CHUNKS);
    return dropped?.chunks ?? 0;
  });
}

/**
 * Drops conflicts by the table data_lifecycle, a batch in each transaction.
 * @returns how many
 * @throws {TransientError}
 * @throws {FatalError}
 */
export const dropOldConflicts = (pool: PgPool) => dropInBatches(pool, DROP_CONFLICTS);

/** As `dropOldConflicts`, with the alerts of nodes. */
export const dropOldAlerts = (pool: PgPool) => dropInBatches(pool, DROP_ALERTS);

/** As `dropOldConflicts`, with changes of nodes and of breakers. */
export const dropOldChanges = (pool: PgPool) => dropInBatches(pool, DROP_CHANGES);

async function dropInBatches(pool: PgPool, statement: string): Promise<number> {
  for (let dropped = 0; ;) {
    const [batch] = await query<{ rows: number }>(pool, statement);
    if (!batch?.rows) return dropped;
    dropped += batch.rows;
  }
}

/**
 * Terminates the sessions of sinks that have sent nothing for 10 s within a write: such a process is frozen, and its
 * locks would block the new owner of its partitions. Its write rolls back.
 * @returns how many
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function terminateFrozenWrites(pool: PgPool): Promise<number> {
  return (await query(pool, TERMINATE_FROZEN)).length;
}

// PostgreSQL's timeouts for idle transactions and for statements do not end a COPY whose data does not arrive.
const TERMINATE_FROZEN = `
  SELECT pg_terminate_backend(pid)
  FROM pg_stat_activity
  WHERE application_name = current_setting('application_name')
    AND datname = current_database() AND usename = current_user
    AND xact_start IS NOT NULL AND wait_event = 'ClientRead'
    AND greatest(query_start, state_change) < now() - interval '10 s'`;

const ARE_ANY_SILENT = `
  SELECT EXISTS (
    SELECT FROM nodes
    WHERE status = 'reporting' AND last_seen_at < now() - $1 * interval '1 ms'
  ) AS "areAny"`;

// SKIP LOCKED, so that this waits for nobody: a node that is locked is checked the next time.
const MARK_SILENT = `
  UPDATE nodes SET status = 'inactive', silent_since = last_seen_at
  WHERE node_id IN (
    SELECT node_id FROM nodes
    WHERE status = 'reporting' AND last_seen_at < now() - $1 * interval '1 ms'
    ORDER BY node_id
    FOR UPDATE SKIP LOCKED
  )
  RETURNING node_id`;

const TRY_LOCK = `
  SELECT pg_try_advisory_xact_lock(${ADVISORY_LOCKS.dropChunks}) AS "isOurs"`;

// A function of the database, because only the table's owner may drop its chunks, and the sink's role is not the owner.
const DROP_CHUNKS = `SELECT drop_old_chunks() AS chunks`;

const DROP_CONFLICTS = `SELECT drop_old_conflicts() AS rows`;
const DROP_ALERTS = `SELECT drop_old_alerts() AS rows`;
const DROP_CHANGES = `SELECT drop_old_changes() AS rows`;
