import type { ADVISORY_LOCKS } from "@fiberstream/postgres/advisory-locks";
import { type PgPool, query } from "@fiberstream/postgres/pool";

/**
 * Runs `work` while this process holds an advisory lock, on a connection of its own: the pool needs another one for the work.
 *
 * @param lock the lock's number, of ADVISORY_LOCKS
 * @param isHeld the message if another process holds it
 * @throws {TransientError}
 * @throws {FatalError}
 * @throws {Error} when another process holds it
 */
export async function exclusively<T>(
  pool: PgPool,
  { lock, isHeld }: { lock: (typeof ADVISORY_LOCKS)[keyof typeof ADVISORY_LOCKS]; isHeld: string },
  work: () => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    const [taken] = await query<{ isOurs: boolean }>(
      client,
      `SELECT pg_try_advisory_lock(${lock}) AS "isOurs"`,
    );
    if (taken?.isOurs !== true) throw new Error(isHeld);
    return await work();
  } finally {
    // Closing the connection releases the lock too, but later, when the server has noticed.
    await client.query(`SELECT pg_advisory_unlock(${lock})`).catch(() => undefined);
    client.release(true);
  }
}
