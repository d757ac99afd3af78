import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { sqlStateOf } from "@fiberstream/postgres/postgres-errors";
import { FatalError, messageOf } from "@fiberstream/runtime/errors";
import { addressOf, retryDelayMs } from "@fiberstream/runtime/retry";
import { runner } from "node-pg-migrate";
import type pg from "pg";
import { readSettings } from "@fiberstream/runtime/settings";
import { createDatabase, withClient } from "./create-database.ts";
import { applyRetention, type Retention } from "./retention.ts";
import { retentionSettings } from "./retention-settings.ts";
import { type Passwords, setPasswords } from "./service-accounts.ts";

const MIGRATIONS = fileURLToPath(new URL("../migrations", import.meta.url));
/** With waits of up to 3 s and pauses of up to 5 s in between: gives up after about 3 minutes. */
const MAX_TRIES = 25;

/**
 * Brings a database to this version's schema, creating it when it is missing. Only ever forward.
 * Safe beside writers and beside another one that migrates: waits for locks are short and tried again.
 *
 * @param options.retention how long data is kept; the settings' defaults when it is left out
 * @param options.passwords of the services' accounts; those left out stay as they are
 * @param options.print is given a line for each thing done, and which TimescaleDB was found
 * @throws {FatalError} when a migration fails or locks cannot be had; each file is one transaction,
 *   so that those before it stay done
 */
export async function migrate(options: {
  databaseUrl: string;
  retention?: Retention;
  passwords?: Passwords;
  print: (line: string) => void;
}): Promise<void> {
  const {
    databaseUrl,
    print,
    passwords = {},
    retention = readSettings(retentionSettings(), {}),
  } = options;
  const where = addressOf(databaseUrl);
  try {
    const database = await createDatabase(databaseUrl);
    if (database === "created") print(`created the database on ${where}`);
    await withClient(databaseUrl, async (client) => {
      const applied = await whenLocksAllow(client, { work: () => applyMissing(client), print });
      for (const name of applied) print(`applied ${name}`);
      if (applied.length === 0) print("database schema is up to date");
      const { version, edition } = await findTimescale(client);
      const kept = await whenLocksAllow(client, {
        work: () => keepData(client, { edition, retention }),
        print,
      });
      for (const line of kept) print(line);
      const run = (sql: string) => client.query(sql);
      for (const line of await setPasswords(run, passwords)) print(line);
      print(`found TimescaleDB ${version}, ${edition} edition`);
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

async function whenLocksAllow<T>(
  client: pg.Client,
  { work, print }: { work: () => Promise<T>; print: (line: string) => void },
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
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

type Edition = "Apache" | "Community";

async function findTimescale(client: pg.Client): Promise<{ version: string; edition: Edition }> {
  const { rows } = await client.query<{ version: string; license: string }>(
    `SELECT extversion AS version, current_setting('timescaledb.license') AS license
       FROM pg_extension WHERE extname = 'timescaledb'`,
  );
  const [found] = rows;
  const edition = found?.license === "apache" ? "Apache" : "Community";
  return { version: found?.version ?? "(unknown)", edition };
}

/** In one transaction, and one at a time: policies are taken away and set anew. */
async function keepData(
  client: pg.Client,
  { edition, retention }: { edition: Edition; retention: Retention },
): Promise<string[]> {
  await client.query("BEGIN");
  await client.query(`SELECT pg_advisory_xact_lock(${RETENTION_LOCK})`);
  const run = (sql: string, values: unknown[] = []) => client.query(sql, values);
  const lines = await applyRetention({ run, edition, retention });
  await client.query("COMMIT");
  return lines;
}

const RETENTION_LOCK = 4_130_772_501;
const LOCK_NOT_AVAILABLE = "55P03";
const ignore = () => {};
