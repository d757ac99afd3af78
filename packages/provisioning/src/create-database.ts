import { sqlStateOf } from "@fiberstream/postgres/postgres-errors";
import pg from "pg";

/**
 * Creates the database in `databaseUrl` if it does not exist.
 * @returns whether it was created
 * @throws the errors of the server or the network
 */
export async function createDatabase(databaseUrl: string): Promise<"created" | "unchanged"> {
  try {
    await withClient(databaseUrl, async () => {});
    return "unchanged";
  } catch (error) {
    if (sqlStateOf(error) !== NO_SUCH_DATABASE) throw error;
  }
  const url = new URL(databaseUrl);
  const database = decodeURIComponent(url.pathname.slice(1));
  // Every server has this database. A database has to be created from another one.
  url.pathname = "/postgres";
  return withClient(url.href, async (client) => {
    try {
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
      return "created";
    } catch (error) {
      if (CREATED_CONCURRENTLY.has(sqlStateOf(error) ?? "")) return "unchanged";
      throw error;
    }
  });
}

/** Connects, runs `work` with the client, and disconnects. Each wait for a lock is bounded. */
export async function withClient<T>(
  databaseUrl: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: "fiberstream-migrate",
    connectionTimeoutMillis: 10_000,
  });
  await client.connect();
  try {
    // While a statement waits for a table's lock, all later writers queue behind it.
    await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
    return await work(client);
  } finally {
    await client.end();
  }
}

const LOCK_TIMEOUT_MS = 3_000;
const NO_SUCH_DATABASE = "3D000";
/** If two start at once, one of them gets duplicate_database or a violated unique index. */
const CREATED_CONCURRENTLY: ReadonlySet<string> = new Set(["42P04", "23505"]);
