import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import pg from "pg";
import { postgresFailure } from "./postgres-errors.ts";

export type PgPool = pg.Pool;
export type PgClient = pg.PoolClient;

/**
 * A bounded pool. A connection that cannot be had in 5 s, or a statement that takes longer than 30 s,
 * is an error: a network that swallows packets must not hold a batch for ever.
 */
export function createPool(options: {
  databaseUrl: string;
  applicationName: string;
  maxConnections: number;
  log: Log;
}): PgPool {
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    application_name: options.applicationName,
    max: options.maxConnections,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 30_000,
    query_timeout: 35_000,
    idle_in_transaction_session_timeout: 60_000,
    keepAlive: true,
  });
  // An idle connection that the server closes; the next query takes another one.
  pool.on("error", (error) =>
    options.log.warn({ reason: messageOf(error) }, "idle connection lost"),
  );
  return pool;
}

/**
 * Runs `work` in one transaction; rolls back when it throws.
 * An error of the commit itself leaves open whether it happened.
 * @throws {TransientError} @throws {FatalError} @throws {RowRefusedError}
 */
export async function inTransaction<T>(
  pool: PgPool,
  work: (client: PgClient) => Promise<T>,
): Promise<T> {
  let client: PgClient | undefined;
  let broken: Error | undefined;
  try {
    client = await pool.connect();
    await client.query("BEGIN");
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client?.query("ROLLBACK").catch((failure: Error) => (broken = failure));
    throw postgresFailure(error);
  } finally {
    client?.release(broken);
  }
}

/** One query of the pool, its errors classified. @throws {TransientError} @throws {FatalError} @throws {RowRefusedError} */
export async function query<Row extends pg.QueryResultRow>(
  on: PgPool | PgClient,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  try {
    return (await on.query<Row>(text, [...values])).rows;
  } catch (error) {
    throw postgresFailure(error);
  }
}
