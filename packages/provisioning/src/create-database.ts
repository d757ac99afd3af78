import { sqlStateOf } from "@fiberstream/postgres/postgres-errors";
import pg from "pg";

/**
 * Creates the database that `databaseUrl` names when the server has none of that name.
 * @returns whether it was created
 * @throws what the server or the network says, as it came
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
  // Every server has this one, and a database can only be created from another.
  url.pathname = "/postgres";
  return withClient(url.href, async (client) => {
    try {
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
      return "created";
    } catch (error) {
      if (CREATED_MEANWHILE.has(sqlStateOf(error) ?? "")) return "unchanged";
      throw error;
    }
  });
}

/** Connects, hands the client to `work`, and ends it. Every wait for a lock is bounded. */
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
    // A statement that waits for a table's lock makes all later writers wait behind it.
    await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
    return await work(client);
  } finally {
    await client.end();
  }
}

const LOCK_TIMEOUT_MS = 3_000;
const NO_SUCH_DATABASE = "3D000";
/** Two that begin at once: one of them is told duplicate_database or a violated unique index. */
const CREATED_MEANWHILE: ReadonlySet<string> = new Set(["42P04", "23505"]);
