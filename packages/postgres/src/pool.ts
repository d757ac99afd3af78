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
  /** The server's settings for these connections, where they differ from the server's own. */
  serverSettings?: Readonly<Record<string, string>>;
  log: Log;
}): PgPool {
  const { log } = options;
  const serverSettings = Object.entries(options.serverSettings ?? {});
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    application_name: options.applicationName,
    max: options.maxConnections,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 30_000,
    query_timeout: 35_000,
    idle_in_transaction_session_timeout: 60_000,
    keepAlive: true,
    options: serverSettings.map(([name, value]) => `-c ${name}=${value}`).join(" "),
  });
  // Without a listener either event ends the process: one is an idle connection's loss, the other that
  // of a connection in use between two queries, whose next query fails by itself.
  const lost = (error: Error) =>
    log.debug({ reason: messageOf(error) }, "database connection lost");
  pool.on("error", lost);
  pool.on("connect", (client) => client.on("error", lost));
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
