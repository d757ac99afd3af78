import { inTransaction, type PgPool, query } from "@fiberstream/postgres/pool";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";

export type Upkeep = {
  /** Begins to look after the database, now and then. */
  begin: () => void;
  /** Waits for what is being done, and ends. */
  end: () => Promise<void>;
};

/**
 * Looks after what no event brings about: nodes that fall silent, and, where TimescaleDB's edition has no
 * retention of its own, rows that are older than they are to be kept. Nothing waits for it.
 *
 * @param options.mayJudge whether the sink keeps up: silence of a node is none while it does not
 */
export function createUpkeep(options: {
  pool: PgPool;
  intervalMs: number;
  silentAfterMs: number;
  mayJudge: () => boolean;
  log: Log;
}): Upkeep {
  const { pool, intervalMs, silentAfterMs, mayJudge, log } = options;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  const lookAfter = async () => {
    try {
      if (mayJudge()) {
        const silent = await markSilent(pool, silentAfterMs);
        if (silent > 0) log.info({ count: silent }, "nodes have fallen silent");
      }
      const dropped = await dropOldChunks(pool);
      if (dropped > 0) log.info({ count: dropped }, "chunks older than they are kept dropped");
    } catch (error) {
      log.warn({ reason: messageOf(error) }, "upkeep put off to the next time");
    }
  };

  return {
    begin: () => {
      timer = setInterval(() => {
        running ??= lookAfter().finally(() => (running = undefined));
      }, intervalMs);
    },
    end: async () => {
      clearInterval(timer);
      await running;
    },
  };
}

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
    return (await query(client, DROP_CHUNKS)).length;
  });
}

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

const DROP_CHUNKS = `
  SELECT drop_chunks('metrics', older_than => now() - drop_after)
  FROM data_lifecycle WHERE relation = 'metrics'`;
