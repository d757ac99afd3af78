import { messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import pg from "pg";
import { postgresFailure, RowRefusedError } from "./postgres-errors.ts";

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
  /** After so long, and up to a quarter less by chance, a connection is replaced once nobody uses it. Default half an hour. */
  maxAgeMs?: number;
  log: Log;
}): PgPool {
  const { log, maxAgeMs = MAX_AGE_MS } = options;
  const settings = { ...SESSION_SETTINGS, ...options.serverSettings };
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    application_name: options.applicationName,
    max: options.maxConnections,
    connectionTimeoutMillis: 5_000,
    query_timeout: 35_000,
    keepAlive: true,
    maxLifetimeSeconds: (maxAgeMs / 1_000) * (1 - Math.random() / 4),
    // The pool waits for it, whatever its type says, and closes the connection when it fails.
    // oxlint-disable-next-line typescript/no-misused-promises
    onConnect: (client) => applySettings(client, settings),
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
 * A session's temporary tables keep the database's oldest transaction id as old as they are, and the server refuses writes
 * two thousand million transactions later: at 1,000 a second half an hour is 1.8 million.
 */
const MAX_AGE_MS = 1_800_000;

/** What is asked and read depends on the last two, and a server, a database or a role may have set them otherwise. */
const SESSION_SETTINGS = {
  statement_timeout: "30s",
  idle_in_transaction_session_timeout: "60s",
  DateStyle: "ISO, MDY",
  TimeZone: "UTC",
};

/** Not as parameters of the connection's start: PgBouncer refuses them. Of the address' own settings these win. */
async function applySettings(
  client: pg.ClientBase,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  await client.query(
    `SELECT set_config(name, value, false)
     FROM unnest($1::text[], $2::text[]) AS settings (name, value)`,
    [Object.keys(settings), Object.values(settings)],
  );
}

/**
 * Runs `work` in one transaction; rolls back when it throws.
 * An error of the commit itself leaves open whether it happened.
 * @throws {TransientError}
 * @throws {FatalError}
 * @throws {RowRefusedError}
 */
export async function inTransaction<T>(
  pool: PgPool,
  work: (client: PgClient) => Promise<T>,
): Promise<T> {
  let client: PgClient | undefined;
  let isBroken = false;
  try {
    client = await pool.connect();
    await client.query("BEGIN");
    const result = await work(client);
    const { command } = await client.query("COMMIT");
    if (command !== "COMMIT") throw new TransientError("postgres", NOT_COMMITTED);
    return result;
  } catch (error) {
    const failure = postgresFailure(error);
    isBroken = !isKeptAfter(failure);
    if (!isBroken) await client?.query("ROLLBACK").catch(() => (isBroken = true));
    throw failure;
  } finally {
    client?.release(isBroken);
  }
}

/** What the server answers a COMMIT with when a statement had failed and its error was passed over. */
const NOT_COMMITTED = "the transaction was rolled back at its commit: a statement of it had failed";

/**
 * A connection is kept where its work refused to go on by itself, or a row was bad. After the rest it is
 * another: to a server that is read-only since a failover, or with a session that has come to its end, it
 * would fail as often as it is used.
 */
const isKeptAfter = (failure: Error) =>
  failure instanceof RowRefusedError ||
  (failure instanceof TransientError &&
    (failure.dependency !== "postgres" || failure.cause === undefined));

/**
 * One query of the pool, its errors classified.
 * @throws {TransientError}
 * @throws {FatalError}
 * @throws {RowRefusedError}
 */
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
