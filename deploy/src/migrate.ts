import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { postgresSettings } from "@fiberstream/postgres/settings";
import { sqlStateOf } from "@fiberstream/postgres/postgres-errors";
import { FatalError, messageOf } from "@fiberstream/runtime/errors";
import { addressOf, retryDelayMs } from "@fiberstream/runtime/retry";
import { runner } from "node-pg-migrate";
import type pg from "pg";
import { createDatabase, withClient } from "./create-database.ts";
import { runStep } from "./run-step.ts";

const MIGRATIONS = fileURLToPath(new URL("../migrations", import.meta.url));
/** With waits of up to 3 s and pauses of up to 5 s in between: gives up after about 3 minutes. */
const MAX_TRIES = 25;

/**
 * Brings a database to this version's schema, creating it when it is missing. Only ever forward.
 * Safe beside writers and beside another one that migrates: waits for locks are short and tried again.
 *
 * @param options.print is given a line for each thing done, and which TimescaleDB was found
 * @throws {FatalError} when a migration fails or locks cannot be had; each file is one transaction,
 *   so that those before it stay done
 */
export async function migrate(options: {
  databaseUrl: string;
  print: (line: string) => void;
}): Promise<void> {
  const { databaseUrl, print } = options;
  const where = addressOf(databaseUrl);
  try {
    const database = await createDatabase(databaseUrl);
    if (database === "created") print(`created the database on ${where}`);
    await withClient(databaseUrl, async (client) => {
      const applied = await applyWhenLocksAllow(client, print);
      for (const name of applied) print(`applied ${name}`);
      if (applied.length === 0) print("database schema is up to date");
      print(await describeTimescale(client));
    });
  } catch (error) {
    if (error instanceof FatalError) throw error;
    throw new FatalError(
      `cannot migrate the database on ${where}: ${messageOf(error)}`,
      "Check DATABASE_URL, and that the server has TimescaleDB among its shared_preload_libraries",
      { cause: error },
    );
  }
}

async function applyWhenLocksAllow(client: pg.Client, print: (line: string) => void) {
  for (let tries = 1; ; tries++) {
    try {
      return await applyMissing(client);
    } catch (error) {
      if (sqlStateOf(error) !== LOCK_NOT_AVAILABLE) throw error;
      await client.query("ROLLBACK");
      if (tries === MAX_TRIES) {
        throw new FatalError(
          "cannot migrate: others hold locks on the tables, or another migration runs",
          "Look for long transactions in pg_stat_activity, end them, and run this again",
          { cause: error },
        );
      }
      print("waiting for a lock that others hold");
      await delay(retryDelayMs(tries));
    }
  }
}

async function applyMissing(client: pg.Client): Promise<string[]> {
  let failed = "";
  try {
    const applied = await runner({
      dbClient: client,
      dir: MIGRATIONS,
      direction: "up",
      migrationsTable: "schema_migrations",
      // Held by the session; ends with it when the process dies.
      advisoryLockMode: "wait",
      singleTransaction: false,
      logger: { info: ignore, warn: ignore, error: (text) => (failed = text) },
    });
    return applied.map(({ name }) => name);
  } catch (error) {
    if (sqlStateOf(error) === LOCK_NOT_AVAILABLE || failed === "") throw error;
    // Shows the statement, with a mark where the server found the error.
    throw new FatalError(failed.trim(), "Nothing of this file was kept", { cause: error });
  }
}

async function describeTimescale(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ version: string; license: string }>(
    `SELECT extversion AS version, current_setting('timescaledb.license') AS license
       FROM pg_extension WHERE extname = 'timescaledb'`,
  );
  const [found] = rows;
  const edition = found?.license === "apache" ? "Apache" : "Community";
  return `found TimescaleDB ${found?.version ?? "(unknown)"}, ${edition} edition`;
}

const LOCK_NOT_AVAILABLE = "55P03";
const ignore = () => {};

if (import.meta.main) {
  await runStep({
    name: "migrate",
    description: "Brings the database to this version's schema, creating it when it is missing.",
    settings: postgresSettings(),
    run: ({ databaseUrl }, print) => migrate({ databaseUrl, print }),
  });
}
