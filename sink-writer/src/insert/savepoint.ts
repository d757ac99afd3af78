import type { PgClient } from "@fiberstream/postgres/pool";

/**
 * Runs `work` so that its failure undoes only itself, not the transaction.
 * @throws what `work` threw
 */
export async function atSavepoint<T>(client: PgClient, work: () => Promise<T>): Promise<T> {
  await client.query("SAVEPOINT before_work");
  try {
    const result = await work();
    await client.query("RELEASE SAVEPOINT before_work");
    return result;
  } catch (error) {
    // Fails only with the connection, and then the error at hand tells the same.
    await client
      .query("ROLLBACK TO SAVEPOINT before_work; RELEASE SAVEPOINT before_work")
      .catch(() => undefined);
    throw error;
  }
}

/**
 * Runs `work` and undoes whatever it has written.
 * @throws what `work` threw
 */
export async function undone<T>(client: PgClient, work: () => Promise<T>): Promise<T> {
  await client.query("SAVEPOINT undone");
  try {
    return await work();
  } finally {
    // Fails only with the connection, and then what comes next tells the same.
    await client
      .query("ROLLBACK TO SAVEPOINT undone; RELEASE SAVEPOINT undone")
      .catch(() => undefined);
  }
}
