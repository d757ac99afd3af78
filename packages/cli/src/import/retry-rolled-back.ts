import { setTimeout as delay } from "node:timers/promises";
import { sqlStateOf } from "@fiberstream/postgres/postgres-errors";
import { TransientError } from "@fiberstream/runtime/errors";
import { retryDelayMs } from "@fiberstream/runtime/retry";

const MAX_ATTEMPTS = 8;

/**
 * Runs a transaction again if PostgreSQL rolled it back because of other sessions: a deadlock with a write of the sink, which
 * inserts the same events or nodes in another order, a lock, or memory. After the loss of the connection it is not run again:
 * whether it was committed is not known, and the lock of the import is lost.
 *
 * @throws what the last attempt throws
 */
export async function retryRolledBack<T>(
  transaction: () => Promise<T>,
  stopping: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transaction();
    } catch (error) {
      if (attempt >= MAX_ATTEMPTS || stopping.aborted || !isRolledBack(error)) throw error;
      await delay(retryDelayMs(attempt), undefined, { signal: stopping }).catch(() => undefined);
    }
  }
}

/** Classes of SQLSTATE: rolled back, too few resources, object in use. */
const ROLLED_BACK: ReadonlySet<string | undefined> = new Set(["40", "53", "55"]);

const isRolledBack = (error: unknown): boolean =>
  error instanceof TransientError && ROLLED_BACK.has(sqlStateOf(error.cause)?.slice(0, 2));
