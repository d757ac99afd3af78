import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { actAs, type AuditEntry, appendEntry } from "@fiberstream/postgres/acting";
import { ADVISORY_LOCKS } from "@fiberstream/postgres/advisory-locks";
import { operator } from "@fiberstream/postgres/operator";
import { sqlStateOf } from "@fiberstream/postgres/postgres-errors";
import { FatalError, messageOf, TransientError } from "@fiberstream/runtime/errors";
import { addressOf, retryDelayMs } from "@fiberstream/runtime/retry";
import { runner } from "node-pg-migrate";
import type pg from "pg";
import { readSettings } from "@fiberstream/runtime/settings";
import { createDatabase, withClient } from "./create-database.ts";
import { applyRetention, contradictionIn, type Retention } from "./retention.ts";
import { retentionSettings } from "./retention-settings.ts";
import { type Passwords, setPasswords } from "./service-accounts.ts";

const MIGRATIONS = fileURLToPath(new URL("../migrations", import.meta.url));
/** About 3 minutes: each attempt waits for up to 3 s, with pauses of up to 5 s in between. */
const MAX_TRIES = 25;

/**
 * Migrates a database to the schema of this version, and creates it if it is missing. It only migrates forward. It is
 * safe next to writers and next to another migration: waits for locks are short, and are retried.
 *
 * @param options.retention how long data is kept; default: the defaults of the settings
 * @param options.passwords passwords of the services' accounts; accounts without one are not changed
 * @param options.print gets a line for each change, and for the version of TimescaleDB
 * @throws {FatalError} when settings contradict each other, a migration fails or locks are not available; each file is one transaction, so the
 *   files before it stay applied
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
  const address = addressOf(databaseUrl);
  const contradiction = contradictionIn(retention);
  if (contradiction !== undefined) {
    throw new FatalError(contradiction, "Change one of the two and run this step again");
  }
  try {
    const database = await createDatabase(databaseUrl);
    if (database === "created") print(`created the database on ${address}`);
    await withClient(databaseUrl, async (client) => {
      // All of this session's entries in the audit log name whoever runs this step.
      await actAs(client, operator(), { until: "end of session" });
      const applied = await retryOnLocks(client, { work: () => applyMissing(client), print }).catch(
        async (error: unknown) => {
          await recordFailure(client, error);
          throw error;
        },
      );
      for (const name of applied) print(`applied ${name}`);
      if (applied.length === 0) print("database schema is up to date");
      const { version, edition } = await findTimescale(client);
      const kept = await retryOnLocks(client, {
        work: () => setRetention(client, { edition, retention }),
        print,
      });
      for (const line of kept) print(line);
      const set = await retryOnLocks(client, { work: () => setAccounts(client, passwords), print });
      for (const line of set) print(line);
      print(`found TimescaleDB ${version}, ${edition} edition`);
    });
  } catch (error) {
    if (error instanceof FatalError) throw error;
    throw new FatalError(
      `cannot migrate the database on ${address}: ${messageOf(error)}`,
      "Check DATABASE_URL, and that the server has TimescaleDB among its shared_preload_libraries",
      { cause: error },
    );
  }
}

/** In a database that has no audit log yet, nothing can be recorded. */
async function recordFailure(client: pg.Client, error: unknown): Promise<void> {
  await client.query("ROLLBACK").catch(() => undefined);
  const failed: AuditEntry = {
    action: "migration.applied",
    objectKind: "migration",
    object: "*",
    outcome: "failed",
    reason: messageOf(error),
  };
  await appendEntry(client, failed).catch(() => undefined);
}

/** Sets the passwords in one transaction with their entries in the audit log. */
async function setAccounts(client: pg.Client, passwords: Passwords): Promise<string[]> {
  await client.query("BEGIN");
  const run = (sql: string) => client.query(sql);
  const lines = await setPasswords(run, passwords);
  for (const line of lines) {
    const [account = ""] = line.split(" ");
    await appendEntry(client, {
      action: "account.password_set",
      objectKind: "account",
      object: account,
    });
  }
  await client.query("COMMIT");
  return lines;
}

async function retryOnLocks<T>(
  client: pg.Client,
  { work, print }: { work: () => Promise<T>; print: (line: string) => void },
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!isAboutLocks(error)) throw error;
      await client.query("ROLLBACK");
      if (tries === MAX_TRIES) {
        throw new FatalError(
          "cannot migrate: other sessions hold locks on the tables, or another migration is running",
          "Find long transactions in pg_stat_activity, end them, and run this command again",
          { cause: error },
        );
      }
      print("waiting for a lock that another session holds");
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
      // The lock belongs to the session, and is released when the process dies.
      advisoryLockMode: "wait",
      singleTransaction: false,
      logger: { info: ignore, warn: ignore, error: (text) => (failed = text) },
    });
    return applied.map(({ name }) => name);
  } catch (error) {
    if (isAboutLocks(error) || failed === "") throw error;
    // The message has the statement, with a mark at the error.
    throw new FatalError(failed.trim(), "No statement of this file was applied", { cause: error });
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

/** Replaces the policies in one transaction, under a lock. */
async function setRetention(
  client: pg.Client,
  { edition, retention }: { edition: Edition; retention: Retention },
): Promise<string[]> {
  await client.query("BEGIN");
  await client.query(`SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.dataLifecycle})`);
  const run = (sql: string, values: unknown[] = []) => client.query(sql, values);
  const lines = await applyRetention({ run, edition, retention });
  await client.query("COMMIT");
  return lines;
}

/** lock_not_available, of the audit log too; deadlock_detected. */
const LOCK_STATES: ReadonlySet<unknown> = new Set(["55P03", "40P01"]);
const isAboutLocks = (error: unknown): boolean =>
  LOCK_STATES.has(sqlStateOf(error instanceof TransientError ? error.cause : error));
const ignore = () => {};
