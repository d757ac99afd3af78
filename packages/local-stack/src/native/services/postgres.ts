import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import {
  type BackingService,
  type BackingServiceOptions,
  startBackingService,
} from "../backing-service.ts";
import { runSandboxed } from "../sandbox.ts";

/** "fast" survives SIGKILL but not a power cut, and is for tests. */
export type Durability = "durable" | "fast";

const BIN = "/usr/lib/postgresql/17/bin";

/** Returns the address of a database, by default the server's own. */
export const postgresUrl = (port: number, database = "postgres") =>
  `postgresql://postgres:postgres@localhost:${port}/${database}`;

/**
 * PostgreSQL 17 with TimescaleDB (Apache edition), user and password `postgres`.
 *
 * @param options.databases databases that are created if they are missing
 */
export async function startPostgres(
  options: BackingServiceOptions & {
    databases: readonly string[];
    durability?: Durability;
    /** Lines of the configuration that replace the default ones. */
    settings?: readonly string[];
    /** Parameters of the connection address, such as those for TLS. */
    parameters?: Readonly<Record<string, string>>;
  },
): Promise<BackingService> {
  const { root, port, dataDir, logFile } = options;
  const url = `${postgresUrl(port)}?${new URLSearchParams(options.parameters).toString()}`;
  if (!existsSync(join(dataDir, "db", "PG_VERSION")))
    await createCluster({ root, dataDir, logFile });
  writeFileSync(join(dataDir, "settings.conf"), settings(options));
  const backingService = await startBackingService({
    name: "PostgreSQL",
    portSetting: "POSTGRES_PORT",
    options,
    sandboxed: {
      user: "postgres",
      command: [`${BIN}/postgres`, "-D", "/data/db", "-c", "config_file=/data/settings.conf"],
    },
    // Fast shutdown: after SIGTERM the server would wait until its clients disconnect.
    stopSignal: "SIGINT",
    isReady: async () => (await query(url, "SELECT 1")).length === 1,
  });
  try {
    await createDatabases(url, options.databases);
    return backingService;
  } catch (error) {
    await backingService.stop();
    throw error;
  }
}

async function createCluster(options: Pick<BackingServiceOptions, "root" | "dataDir" | "logFile">) {
  const { root, dataDir, logFile } = options;
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(join(dataDir, "password"), "postgres\n");
  // Created under another name first, because an incomplete initdb has a PG_VERSION, too.
  const create =
    `rm -rf /data/db /data/new && ${BIN}/initdb -D /data/new -U postgres -A scram-sha-256 ` +
    "--pwfile=/data/password --locale=C.UTF-8 --encoding=UTF8 --no-sync && mv /data/new /data/db";
  await runSandboxed(root, "Creating the PostgreSQL cluster", {
    user: "postgres",
    command: ["/bin/sh", "-ec", create],
    dataDir,
    logFile,
  });
}

/** Returns a configuration for little memory: the machine also runs two JVMs and the services. */
function settings({
  port,
  durability,
  settings: more = [],
}: {
  port: number;
  durability?: Durability;
  settings?: readonly string[];
}): string {
  const lines = [
    `port = ${port}`,
    "listen_addresses = '127.0.0.1'",
    "unix_socket_directories = ''",
    "hba_file = '/data/db/pg_hba.conf'",
    "ident_file = '/data/db/pg_ident.conf'",
    "shared_preload_libraries = 'timescaledb'",
    "timescaledb.telemetry_level = 'off'",
    "shared_buffers = 256MB",
    "max_connections = 200",
    "max_wal_size = 2GB",
    "timezone = 'UTC'",
    "log_timezone = 'UTC'",
    "lc_messages = 'C.UTF-8'",
  ];
  if (durability === "fast") {
    // But with synchronous_commit: without it, SIGKILL loses acknowledged commits.
    lines.push("fsync = off", "full_page_writes = off");
  }
  return `${[...lines, ...more].join("\n")}\n`;
}

async function createDatabases(url: string, databases: readonly string[]): Promise<void> {
  const rows = await query(url, "SELECT datname FROM pg_database");
  const present = new Set(rows.map((row) => row["datname"]));
  for (const name of databases.filter((database) => !present.has(database))) {
    await query(url, `CREATE DATABASE "${name}"`);
  }
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  // If the server ends between two queries, its starter notices it through `ended`.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
