import { inTransaction, type PgPool, query } from "@fiberstream/postgres/pool";
import type { Log } from "@fiberstream/runtime/log";
import { createRepeatedTask, type RepeatedTask } from "@fiberstream/runtime/repeated-task";
import type { DatabaseGauges } from "./database-gauges.ts";
import { measureQuality } from "./measure-quality.ts";
import type { QualityMetrics } from "./quality-metrics.ts";

/**
 * Looks after what no event brings about: nodes that fall silent, sinks that are frozen in a write, how good
 * a day's events are, and, where TimescaleDB's edition has no retention of its own, rows that are older than
 * they are to be kept.
 *
 * @param options.mayJudge whether the sink keeps up: silence of a node is none while it does not
 */
export function createUpkeep(options: {
  pool: PgPool;
  silentAfterMs: number;
  mayJudge: () => boolean;
  quality: QualityMetrics;
  gauges: DatabaseGauges;
  log: Log;
}): RepeatedTask {
  const { pool, silentAfterMs, mayJudge, quality, gauges, log } = options;
  const lookAtSessions = async () => {
    const frozen = await endFrozenWrites(pool);
    if (frozen > 0) log.warn({ count: frozen }, "writes of a sink that does not go on ended");
    if (!mayJudge()) return;
    const silent = await markSilent(pool, silentAfterMs);
    if (silent > 0) log.info({ count: silent }, "nodes have fallen silent");
  };
  const dropChunks = async () => {
    const dropped = await dropOldChunks(pool);
    if (dropped > 0) log.info({ count: dropped }, "chunks older than they are kept dropped");
  };
  const measure = async () => {
    const endAtMs = performance.now() + MEASURE_FOR_MS;
    while (mayJudge() && performance.now() < endAtMs && (await measureQuality(pool)));
  };
  const tasks = [
    createRepeatedTask({
      name: "look at the database",
      work: () => gauges.refresh(pool),
      intervalMs: 15_000,
      startsAtOnce: true,
      log,
    }),
    createRepeatedTask({ name: "look at sessions", work: lookAtSessions, intervalMs: 5_000, log }),
    createRepeatedTask({ name: "measure quality", work: measure, intervalMs: 5_000, log }),
    createRepeatedTask({
      name: "read quality",
      work: () => quality.refresh(pool),
      intervalMs: 15_000,
      log,
    }),
    createRepeatedTask({ name: "drop chunks", work: dropChunks, intervalMs: 600_000, log }),
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
 * Marks nodes from which nothing has come for so long as inactive.
 * @returns how many @throws {TransientError} @throws {FatalError}
 */
export async function markSilent(pool: PgPool, silentAfterMs: number): Promise<number> {
  return (await query(pool, MARK_SILENT, [silentAfterMs])).length;
}

/**
 * Drops chunks by the table data_lifecycle, with the Apache edition only: the other one does it itself.
 * One sink at a time, and never waiting long for a chunk that others read.
 * @returns how many @throws {TransientError} @throws {FatalError}
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
 * Ends the sessions of sinks that have let the server wait within a write for 10 s: the process is frozen,
 * and its locks would hold up the one that has its partitions now. Such a write rolls back.
 * @returns how many @throws {TransientError} @throws {FatalError}
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
  SELECT pg_try_advisory_xact_lock(4130772502) AS "isOurs",
         current_setting('timescaledb.license') = 'apache' AS "isApache"`;

// A function of the database: only a table's owner may drop its chunks, and the sink is none.
const DROP_CHUNKS = `SELECT drop_old_chunks() AS chunks`;
