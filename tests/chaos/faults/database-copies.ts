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
import { TRY_FOR_MS } from "./with-admin.ts";

const PG_BASEBACKUP = "/usr/lib/postgresql/17/bin/pg_basebackup";
/** The backing service's own folder of data, beside which a copy is kept: they change places by their names. */
const DATA = "data";
const COPY = "copy";
const FIRST = "first";

/**
 * A standby streams, falls behind, and takes the primary's place after its SIGKILL: what the primary had
 * committed meanwhile is gone. Services find it where the primary was.
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
      timeoutMs: TRY_FOR_MS,
    });
    link.set({ kind: "half-open" });
    await delay(lagMs);
    await backingServices.of("postgres").kill();
    await until(() => ask(postgresUrl(port), "SELECT pg_promote() AS is"), {
      what: "the standby is promoted",
      timeoutMs: TRY_FOR_MS,
    });
  } finally {
    await standby?.stop();
    await link.close();
  }
  await startCopy(backingServices);
}

/** The target of a restore that puts back the backup of the beginning, in which there is no row yet. */
export const FIRST_BACKUP = "postgres@start";

/** Takes the backup of the beginning. */
export async function backUpPostgres(backingServices: BackingServices): Promise<void> {
  const { dataDir } = await takeCopy(backingServices, {
    fromPort: backingServices.portOf("postgres"),
    isStandby: false,
  });
  renameSync(dataDir, join(backingServices.folderOf("postgres"), FIRST));
}

/** A backup is put back under running services: what was committed since it was taken is gone. */
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

/** Copies the data of the running server, as a backup or for a standby that is to follow it. */
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
  const how = isStandby ? ["--write-recovery-conf"] : [];
  await runSandboxed(options.root, "Copying the database", {
    user: "postgres",
    command: [
      ...([PG_BASEBACKUP, "--pgdata=/data/db", "--checkpoint=fast", "--no-sync"] as const),
      `--dbname=${postgresUrl(fromPort)}`,
      ...how,
    ],
    dataDir: options.dataDir,
    logFile: options.logFile,
  });
  return options;
}

/** Starts the backing service with the copy in the place of its data. */
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
