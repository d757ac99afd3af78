import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type {
  BackingService,
  BackingServiceOptions,
} from "@fiberstream/local-stack/native/backing-service";
import { postgresUrl, startPostgres } from "@fiberstream/local-stack/native/postgres";
import { runSandboxed } from "@fiberstream/local-stack/native/sandbox";
import { ensureTree } from "@fiberstream/local-stack/native/tree";
import { freePort } from "@fiberstream/testkit/free-ports";

export type BackedUpDatabase = {
  readonly url: (database: string) => string;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  /** Runs a runbook's commands on the server's host, as its user; stops at the first that fails. */
  readonly run: (commands: string, variables?: Readonly<Record<string, string>>) => Promise<void>;
  readonly remove: () => Promise<void>;
};

/** Prepares a PostgreSQL for one test, on whose host commands can be run. It is not started yet. */
export async function createBackedUpDatabase(): Promise<BackedUpDatabase> {
  const folder = mkdtempSync(join(tmpdir(), "fiberstream-backup-"));
  const port = await freePort();
  const options: BackingServiceOptions = {
    root: await ensureTree(() => undefined),
    port,
    dataDir: join(folder, "data"),
    logFile: join(folder, "postgres.log"),
  };
  const paths = {
    PATH: "/usr/lib/postgresql/17/bin:/usr/bin:/bin",
    PGHOST: "127.0.0.1",
    PGPORT: String(port),
    PGUSER: "postgres",
    PGPASSWORD: "postgres",
    PGDATA: "/data/db",
    BACKUP: "/data/backup",
    ARCHIVE: "/data/archive",
  };
  let backingService: BackingService | undefined;
  return {
    url: (database) => postgresUrl(port, database),
    start: async () => {
      backingService = await startPostgres({ ...options, databases: [], durability: "fast" });
    },
    stop: async () => backingService?.stop(),
    run: async (commands, variables = {}) => {
      const exports = Object.entries({ ...paths, ...variables }).map(
        ([name, value]) => `export ${name}='${value}'`,
      );
      await runSandboxed(options.root, `A runbook's commands (${commands})`, {
        user: "postgres",
        command: ["/bin/sh", "-ec", `${exports.join("\n")}\n${commands}`],
        dataDir: options.dataDir,
        logFile: join(folder, "commands.log"),
      });
    },
    remove: async () => {
      await backingService?.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
