import type { PgClient } from "@fiberstream/postgres/pool";

/**
 * Runs `work` in a savepoint: if it fails, only its own changes are rolled back, not the transaction's.
 * @throws what `work` threw
 */
export async function atSavepoint<T>(client: PgClient, work: () => Promise<T>): Promise<T> {
  await client.query("SAVEPOINT before_work");
  try {
    const result = await work();
    await client.query("RELEASE SAVEPOINT before_work");
    return result;
  } catch (error) {
    // This fails only if the connection is lost, and then `error` is about that already.
    await client
      .query("ROLLBACK TO SAVEPOINT before_work; RELEASE SAVEPOINT before_work")
      .catch(() => undefined);
    throw error;
  }
}

/**
 * Runs `work` and rolls back whatever it has written.
 * @throws what `work` threw
 */
export async function rolledBack<T>(client: PgClient, work: () => Promise<T>): Promise<T> {
  await client.query("SAVEPOINT rolled_back");
  try {
    return await work();
  } finally {
    // This fails only if the connection is lost, and then the next query fails with that.
    await client
      .query("ROLLBACK TO SAVEPOINT rolled_back; RELEASE SAVEPOINT rolled_back")
      .catch(() => undefined);
  }
}
