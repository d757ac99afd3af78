import { once } from "node:events";
import { join } from "node:path";
import { lastLines, runSandboxed, startSandboxed } from "@fiberstream/local-stack/native/sandbox";
import { setTimeout as delay } from "node:timers/promises";
import { cpuSecondsOf } from "../harness/process-cost.ts";
import type { Measured } from "./measured.ts";
import type { BenchBackingServices } from "../harness/backing-services.ts";

const PSQL = "/usr/lib/postgresql/17/bin/psql";

const psql = (backingServices: BenchBackingServices, command: string) =>
  ({
    user: "postgres",
    command: [
      PSQL,
      "-X",
      "-v",
      "ON_ERROR_STOP=1",
      "-d",
      backingServices.databaseUrl,
      "-c",
      command,
    ],
    dataDir: join(backingServices.folder, "psql"),
    logFile: join(backingServices.folder, "psql.log"),
  }) as const;

/** Writes the current rows of the table, in their order, to the file that `measurePsql` copies. */
export async function exportRows(backingServices: BenchBackingServices): Promise<void> {
  const copy = `\\copy (SELECT * FROM metrics) TO '/data/rows' WITH (FORMAT binary)`;
  await runSandboxed(
    backingServices.root,
    "Writing the rows to a file",
    psql(backingServices, copy),
  );
}

/** One \copy of all rows of the file, in one transaction. */
export async function measurePsql(backingServices: BenchBackingServices): Promise<Measured> {
  const postgresBefore = cpuSecondsOf(backingServices.postgres.pid);
  const begunMs = performance.now();
  const copy = `\\copy metrics FROM '/data/rows' WITH (FORMAT binary)`;
  const child = startSandboxed(backingServices.root, psql(backingServices, copy));
  const exited = once(child, "exit") as Promise<[number | null]>;
  const [code] = await exited;
  const seconds = (performance.now() - begunMs) / 1_000;
  if (code !== 0)
    throw new Error(`psql failed. ${lastLines(join(backingServices.folder, "psql.log"))}`);
  // The backend's CPU time is added to its parent's after the parent has noticed its end.
  await delay(200);
  return {
    seconds,
    writerCpuSeconds: 0,
    postgresCpuSeconds: cpuSecondsOf(backingServices.postgres.pid) - postgresBefore,
  };
}
