import { execFile } from "node:child_process";
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import {
  type BackingService,
  type BackingServiceOptions,
} from "@fiberstream/local-stack/native/backing-service";
import { postgresUrl, startPostgres } from "@fiberstream/local-stack/native/postgres";
import { runSandboxed } from "@fiberstream/local-stack/native/sandbox";
import { ensureTree } from "@fiberstream/local-stack/native/tree";
import { freePorts } from "@fiberstream/testkit/free-ports";
import { until } from "@fiberstream/testkit/until";
import { Client } from "pg";
import type { BackingServices } from "../platform/backing-services.ts";
import { startTcpProxy } from "../platform/tcp-proxy.ts";
import { RETRY_FOR_MS } from "./with-admin.ts";

const PG_BASEBACKUP = "/usr/lib/postgresql/17/bin/pg_basebackup";
/** The data folder of the backing service, and a copy next to it; they are exchanged by renaming. */
const DATA = "data";
const COPY = "copy";
const FIRST = "first";

/**
 * Starts a standby that streams, then lags, and replaces the primary after its SIGKILL. Transactions that the primary
 * committed in between are lost. Services find the standby at the primary's address.
 */
export async function failOverPostgres(
  backingServices: BackingServices,
  lagMs: number,
): Promise<void> {
  const [proxyPort = 0, port = 0] = await freePorts(2);
  const link = await startTcpProxy({ port: proxyPort, to: backingServices.portOf("postgres") });
  let standby: BackingService | undefined;
  try {
    const options = await takeCopy(backingServices, { fromPort: proxyPort, isStandby: true });
    standby = await startPostgres({ ...options, port, databases: [], durability: "fast" });
    await until(() => ask(postgresUrl(backingServices.portOf("postgres")), STREAMS), {
      what: "the standby streams",
      timeoutMs: RETRY_FOR_MS,
    });
    link.set({ kind: "half-open" });
    await delay(lagMs);
    await backingServices.of("postgres").kill();
    await until(() => ask(postgresUrl(port), "SELECT pg_promote() AS is"), {
      what: "the standby is promoted",
      timeoutMs: RETRY_FOR_MS,
    });
  } finally {
    await standby?.stop();
    await link.close();
  }
  await startCopy(backingServices);
}

/** The target of a restore of the first backup, which has no rows. */
export const FIRST_BACKUP = "postgres@start";

/** Takes the first backup. */
export async function backUpPostgres(backingServices: BackingServices): Promise<void> {
  const { dataDir } = await takeCopy(backingServices, {
    fromPort: backingServices.portOf("postgres"),
    isStandby: false,
  });
  renameSync(dataDir, join(backingServices.folderOf("postgres"), FIRST));
}

/** Restores a backup while services are running: transactions since the backup are lost. */
export async function restorePostgres(
  backingServices: BackingServices,
  { target, lastsMs }: { target: string; lastsMs: number },
): Promise<void> {
  if (target === FIRST_BACKUP) {
    const folder = backingServices.folderOf("postgres");
    rmSync(join(folder, COPY), { recursive: true, force: true });
    await promisify(execFile)("cp", ["-a", join(folder, FIRST), join(folder, COPY)]);
  } else {
    await takeCopy(backingServices, {
      fromPort: backingServices.portOf("postgres"),
      isStandby: false,
    });
    await delay(lastsMs);
  }
  await backingServices.of("postgres").kill();
  await startCopy(backingServices);
}

/** Copies the data of the running server, as a backup or for a standby. */
async function takeCopy(
  backingServices: BackingServices,
  { fromPort, isStandby }: { fromPort: number; isStandby: boolean },
): Promise<Omit<BackingServiceOptions, "port">> {
  const folder = backingServices.folderOf("postgres");
  const options = {
    root: await ensureTree(() => undefined),
    dataDir: join(folder, COPY),
    logFile: join(folder, `${COPY}.log`),
  };
  rmSync(options.dataDir, { recursive: true, force: true });
  const recoveryArguments = isStandby ? ["--write-recovery-conf"] : [];
  await runSandboxed(options.root, "Copying the database", {
    user: "postgres",
    command: [
      ...([PG_BASEBACKUP, "--pgdata=/data/db", "--checkpoint=fast", "--no-sync"] as const),
      `--dbname=${postgresUrl(fromPort)}`,
      ...recoveryArguments,
    ],
    dataDir: options.dataDir,
    logFile: options.logFile,
  });
  return options;
}

/** Starts the backing service with the copy instead of its data. */
async function startCopy(backingServices: BackingServices): Promise<void> {
  const folder = backingServices.folderOf("postgres");
  rmSync(join(folder, DATA), { recursive: true });
  renameSync(join(folder, COPY), join(folder, DATA));
  await backingServices.of("postgres").start();
}

const STREAMS = "SELECT count(*) > 0 AS is FROM pg_stat_replication WHERE state = 'streaming'";

async function ask(url: string, sql: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query<{ is: boolean }>(sql)).rows[0]?.is === true;
  } finally {
    await client.end();
  }
}
