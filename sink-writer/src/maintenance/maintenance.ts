import { ADVISORY_LOCKS } from "@fiberstream/postgres/advisory-locks";
import { inTransaction, type PgPool, query } from "@fiberstream/postgres/pool";
import type { Log } from "@fiberstream/runtime/log";
import { createRepeatedTask, type RepeatedTask } from "@fiberstream/runtime/repeated-task";
import type { DatabaseGauges } from "./database-gauges.ts";
import { measureQuality } from "./measure-quality.ts";
import type { PathLag } from "./path-progress.ts";
import type { QualityMetrics } from "./quality-metrics.ts";

/**
 * Periodic maintenance: marks silent nodes inactive, terminates the sessions of sinks that are frozen in a write,
 * measures data quality, and deletes what is past retention: conflicts, and metrics where TimescaleDB's edition has no
 * retention of its own.
 *
 * @param options.mayMeasure whether the sink does its work: a day is not measured while it does not
 * @param options.pathLag what is still on its way says nothing of a node
 */
export function createMaintenance(options: {
  pool: PgPool;
  silentAfterMs: number;
  mayMeasure: () => boolean;
  pathLag: PathLag;
  quality: QualityMetrics;
  gauges: DatabaseGauges;
  log: Log;
}): RepeatedTask {
  const { pool, mayMeasure, quality, gauges, log } = options;
  const lookAtSessions = async () => {
    const frozen = await endFrozenWrites(pool);
    if (frozen > 0) log.warn({ count: frozen }, "terminated stalled sink sessions");
    const silent = await markSilentNodes(options);
    if (silent > 0) log.info({ count: silent }, "marked silent nodes inactive");
  };
  const dropOld = async () => {
    const dropped = await dropOldChunks(pool);
    if (dropped > 0) log.info({ count: dropped }, "dropped chunks past retention");
    const conflicts = await dropOldConflicts(pool);
    if (conflicts > 0) log.info({ count: conflicts }, "dropped conflicts past retention");
  };
  const measure = async () => {
    const endAtMs = performance.now() + MEASURE_FOR_MS;
    while (mayMeasure() && performance.now() < endAtMs && (await measureQuality(pool, { log })));
  };
  const tasks = [
    createRepeatedTask({
      name: "check database",
      work: () => gauges.refresh(pool),
      intervalMs: 15_000,
      startsAtOnce: true,
      log,
    }),
    createRepeatedTask({ name: "check sessions", work: lookAtSessions, intervalMs: 5_000, log }),
    createRepeatedTask({ name: "measure quality", work: measure, intervalMs: 5_000, log }),
    createRepeatedTask({
      name: "read quality",
      work: () => quality.refresh(pool),
      intervalMs: 15_000,
      log,
    }),
    createRepeatedTask({ name: "apply retention", work: dropOld, intervalMs: 600_000, log }),
  ];

  return {
    begin: () => {
      for (const task of tasks) task.begin();
    },
    end: async () => {
      await Promise.all(tasks.map((task) => task.end()));
    },
  };
}

/** Of each 5 s: measuring a day takes a connection and a core of the database for a while. */
const MEASURE_FOR_MS = 1_000;

/**
 * Marks nodes that have fallen silent. While what was received is not all stored yet (a backlog is drained, the
 * processor is unavailable) a node is silent only if it was so before that.
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
  // Kafka is asked only where there is somebody to judge.
  const [found] = await query<{ areAny: boolean }>(pool, ARE_ANY_SILENT, [silentAfterMs]);
  if (found?.areAny !== true) return 0;
  const lagMs = await pathLag();
  return lagMs === undefined ? 0 : markSilent(pool, silentAfterMs + lagMs);
}

/**
 * Marks nodes from which nothing has come for so long as inactive.
 * @returns how many
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function markSilent(pool: PgPool, silentAfterMs: number): Promise<number> {
  return (await query(pool, MARK_SILENT, [silentAfterMs])).length;
}

/**
 * Drops chunks by the table data_lifecycle, with the Apache edition only: the other one does it itself.
 * One sink at a time, and never waiting long for a chunk that others read.
 * @returns how many
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function dropOldChunks(pool: PgPool): Promise<number> {
  return inTransaction(pool, async (client) => {
    const [lock] = await query<{ isOurs: boolean; isApache: boolean }>(client, TRY_LOCK);
    if (!lock?.isOurs || !lock.isApache) return 0;
    await query(client, "SET LOCAL lock_timeout = '2s'");
    const [dropped] = await query<{ chunks: number }>(client, DROP_CHUNKS);
    return dropped?.chunks ?? 0;
  });
}

/**
 * Drops conflicts by the table data_lifecycle, with both editions, a batch in each transaction.
 * @returns how many
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function dropOldConflicts(pool: PgPool): Promise<number> {
  for (let dropped = 0; ;) {
    const [batch] = await query<{ rows: number }>(pool, DROP_CONFLICTS);
    if (!batch?.rows) return dropped;
    dropped += batch.rows;
  }
}

/**
 * Ends the sessions of sinks that have let the server wait within a write for 10 s: the process is frozen,
 * and its locks would hold up the one that has its partitions now. Such a write rolls back.
 * @returns how many
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function endFrozenWrites(pool: PgPool): Promise<number> {
  return (await query(pool, END_FROZEN)).length;
}

// Neither a timeout for idle transactions nor one for statements ends a COPY whose data do not come.
const END_FROZEN = `
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

// Nobody waits: a node that is being changed by another is looked at the next time.
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
  SELECT pg_try_advisory_xact_lock(${ADVISORY_LOCKS.dropChunks}) AS "isOurs",
         current_setting('timescaledb.license') = 'apache' AS "isApache"`;

// A function of the database: only a table's owner may drop its chunks, and the sink is none.
const DROP_CHUNKS = `SELECT drop_old_chunks() AS chunks`;

const DROP_CONFLICTS = `SELECT drop_old_conflicts() AS rows`;
