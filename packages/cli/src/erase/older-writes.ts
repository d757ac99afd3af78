import { setTimeout as delay } from "node:timers/promises";
import { type PgPool, query } from "@fiberstream/postgres/pool";

/** A write of the sink ends earlier, or PostgreSQL ends it: its statements have 30 s, and its pauses 60 s. */
const MAX_WAIT_MS = 300_000;
const POLL_INTERVAL_MS = 200;

/**
 * Waits until the transactions have ended that may have read `erasures` before an erasure was recorded: a write of the sink reads
 * it first, and commits its rows later. A transaction has a lock on each table that it has read, until it ends.
 *
 * @param options.onWaiting called once, if there are such transactions
 * @returns whether all of them have ended; false if `stopping` was aborted
 * @throws {TransientError}
 * @throws {FatalError}
 * @throws {Error} when one is open for too long
 */
export async function untilOlderWritesEnd(options: {
  pool: PgPool;
  onWaiting: (transactions: number) => void;
  stopping: AbortSignal;
  maxWaitMs?: number;
}): Promise<boolean> {
  const { pool, onWaiting, stopping, maxWaitMs = MAX_WAIT_MS } = options;
  const startedMs = performance.now();
  const older = new Set((await readersOf(pool)).map(({ transaction }) => transaction));
  if (older.size > 0) onWaiting(older.size);
  while (!stopping.aborted) {
    // What began meanwhile has read of the erasure.
    const left = (await readersOf(pool)).filter(({ transaction }) => older.has(transaction));
    if (left.length === 0) return true;
    if (performance.now() - startedMs > maxWaitMs) {
      const pids = left.map(({ pid }) => pid).join(", ");
      throw new Error(
        `transactions that may write erased events are still open after ${maxWaitMs / 1_000} s (PostgreSQL's processes ${pids}). ` +
          "Nothing was erased now. Wait until they end, or end them (pg_terminate_backend), then run the same command again",
      );
    }
    await delay(POLL_INTERVAL_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
  return false;
}

const readersOf = (pool: PgPool) => query<{ transaction: string; pid: number }>(pool, READERS);

// Everybody may see locks; what other sessions do in pg_stat_activity is for their owners only.
const READERS = `
  SELECT virtualtransaction AS transaction, pid
  FROM pg_locks
  WHERE locktype = 'relation' AND relation = 'erasures'::regclass AND mode = 'AccessShareLock' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND pid <> pg_backend_pid()`;
