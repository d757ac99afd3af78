import { messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import pg from "pg";
import { postgresFailure, RowRefusedError } from "./postgres-errors.ts";

export type PgPool = pg.Pool;
export type PgClient = pg.PoolClient;

/**
 * A bounded pool. It is an error when no connection is available within 5 s, or when a statement takes longer than
 * 30 s: a network that drops packets must not block a batch for ever.
 */
export function createPool(options: {
  databaseUrl: string;
  applicationName: string;
  maxConnections: number;
  /** Session settings that override the server's. */
  serverSettings?: Readonly<Record<string, string>>;
  /** Maximum age of a connection, up to a quarter less at random; an older one is replaced when idle. Default half an hour. */
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
    // The pool awaits the promise, although the type does not say so, and closes the connection if it is rejected.
    // oxlint-disable-next-line typescript/no-misused-promises
    onConnect: (client) => applySettings(client, settings),
  });
  // Without a listener, either event would end the process: the pool's reports the loss of an idle connection, the
  // client's the loss of a connection in use between two queries, whose next query then fails.
  const lost = (error: Error) =>
    log.debug({ reason: messageOf(error) }, "database connection lost");
  pool.on("error", lost);
  pool.on("connect", (client) => client.on("error", lost));
  return pool;
}

/**
 * A session's temporary tables hold back the database's oldest transaction id, and the server rejects writes when it is
 * two billion transactions old. At 1,000 transactions a second, half an hour is 1.8 million.
 */
const MAX_AGE_MS = 1_800_000;

/** The text format of times depends on the last two, which a server, a database or a role may override. */
const SESSION_SETTINGS = {
  statement_timeout: "30s",
  idle_in_transaction_session_timeout: "60s",
  // Compiling a statement takes up to 0.9 s, and ours run for milliseconds. The planner overrates those on many chunks.
  jit: "off",
  DateStyle: "ISO, MDY",
  TimeZone: "UTC",
};

/** Not as startup parameters, which PgBouncer rejects. They override the settings in the URL. */
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
 * After an error of the commit itself the outcome is unknown.
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
    isBroken = !isReusableAfter(failure);
    if (!isBroken) await client?.query("ROLLBACK").catch(() => (isBroken = true));
    throw failure;
  } finally {
    client?.release(isBroken);
  }
}

/** For a COMMIT that the server answers with ROLLBACK, because a statement failed and its error was ignored. */
const NOT_COMMITTED =
  "the transaction was rolled back at its commit, because a statement in it had failed";

/**
 * A connection is reused if the work itself threw, or a row was bad. After other errors it is closed: a connection to a
 * server that has been read-only since a failover, or whose session was terminated, would fail every time.
 */
const isReusableAfter = (failure: Error) =>
  failure instanceof RowRefusedError ||
  (failure instanceof TransientError &&
    (failure.dependency !== "postgres" || failure.cause === undefined));

/**
 * Runs one query, and classifies its errors.
 * @throws {TransientError}
 * @throws {FatalError}
 * @throws {RowRefusedError}
 */
export async function query<Row extends pg.QueryResultRow>(
  on: PgPool | PgClient | pg.Client,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  try {
    return (await on.query<Row>(text, [...values])).rows;
  } catch (error) {
    throw postgresFailure(error);
  }
}
