import { once } from "node:events";
import { join } from "node:path";
import { lastLines, runSandboxed, startSandboxed } from "@fiberstream/local-stack/native/sandbox";
import { setTimeout as delay } from "node:timers/promises";
import { cpuSecondsOf } from "../harness/process-cost.ts";
import type { Measured } from "./measured.ts";
import type { BenchParts } from "../harness/backing-services.ts";

const PSQL = "/usr/lib/postgresql/17/bin/psql";

const psql = (parts: BenchParts, command: string) =>
  ({
    user: "postgres",
    command: [PSQL, "-X", "-v", "ON_ERROR_STOP=1", "-d", parts.databaseUrl, "-c", command],
    dataDir: join(parts.folder, "psql"),
    logFile: join(parts.folder, "psql.log"),
  }) as const;

/** Puts the rows that are in the table now into the file that `measurePsql` copies, in their order there. */
export async function exportRows(parts: BenchParts): Promise<void> {
  const copy = `\\copy (SELECT * FROM metrics) TO '/data/rows' WITH (FORMAT binary)`;
  await runSandboxed(parts.root, "Writing the rows to a file", psql(parts, copy));
}

/** One \copy of all rows of the file, in one transaction. */
export async function measurePsql(parts: BenchParts): Promise<Measured> {
  const postgresBefore = cpuSecondsOf(parts.postgres.pid);
  const begunMs = performance.now();
  const copy = `\\copy metrics FROM '/data/rows' WITH (FORMAT binary)`;
  const child = startSandboxed(parts.root, psql(parts, copy));
  const exited = once(child, "exit") as Promise<[number | null]>;
  const [code] = await exited;
  const seconds = (performance.now() - begunMs) / 1_000;
  if (code !== 0) throw new Error(`psql failed. ${lastLines(join(parts.folder, "psql.log"))}`);
  // The backend's CPU time is its parent's once that has seen it end.
  await delay(200);
  return {
    seconds,
    writerCpuSeconds: 0,
    postgresCpuSeconds: cpuSecondsOf(parts.postgres.pid) - postgresBefore,
  };
}
