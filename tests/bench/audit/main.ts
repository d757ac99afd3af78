import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyLog } from "@fiberstream/audit/log/verify-log";
import { fillLog } from "@fiberstream/audit/testing/fill-log";
import { postgresUrl, startPostgres } from "@fiberstream/local-stack/native/postgres";
import { ensureTree } from "@fiberstream/local-stack/native/tree";
import { createPool } from "@fiberstream/postgres/pool";
import { migrate } from "@fiberstream/provisioning/migrate";
import { createLog } from "@fiberstream/runtime/log";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { freePorts } from "@fiberstream/testkit/free-ports";
import { describeSetting } from "../end-to-end/report/machine.ts";
import {
  type BenchContext,
  createBenchCommand,
  runCommand,
  withBenchContext,
} from "../harness/command.ts";

const HELP = `
Fills the audit log of a new database, then verifies it from the first entry to the last. Needs root on Linux.

Examples:
  npm run bench:audit
  npm run bench:audit -- --entries 100000
`;

await runCommand(
  createBenchCommand({
    name: "bench:audit",
    description: "measure how long it takes to verify the audit log",
    help: HELP,
  })
    .option("--entries <number>", "entries of the log", wholeNumber(1, 10_000_000), 1_000_000)
    .action(async ({ entries }: { entries: number }) => {
      const { seconds, cpuSeconds, memoryMb, verified } = await withBenchContext((context) =>
        measure(context, entries),
      );
      const rate = Math.round(verified / seconds);
      process.stdout.write(
        `${JSON.stringify(describeSetting())}\n${verified} entries verified in ${seconds.toFixed(1)} s: ${rate} a second, with ${cpuSeconds.toFixed(1)} s of CPU and ${memoryMb} MB of this process\n`,
      );
    }),
);

async function measure({ life, progress }: BenchContext, entries: number) {
  progress.step("starting PostgreSQL");
  const root = await ensureTree((doing) => progress.step(doing));
  const folder = life.own(await mkdtemp(join(tmpdir(), "fiberstream-bench-")), (owned) =>
    rm(owned, { recursive: true, force: true }),
  );
  const [port = 0] = await freePorts(1);
  const places = { dataDir: join(folder, "postgres"), logFile: join(folder, "postgres.log") };
  life.own(await startPostgres({ root, port, ...places, databases: ["bench"] }), (owned) =>
    owned.kill(),
  );
  const databaseUrl = postgresUrl(port, "bench");
  await migrate({ databaseUrl, print: () => undefined });
  const log = createLog({ service: "bench", level: "error", format: "auto" });
  const pool = life.own(
    createPool({ databaseUrl, applicationName: "bench", maxConnections: 1, log }),
    (owned) => owned.end(),
  );
  const onProgress = (done: number) => progress.step(`${done} of ${entries} entries written`);
  await fillLog(pool, { count: entries, onProgress });

  progress.step("verifying");
  const startedMs = performance.now();
  const before = process.cpuUsage();
  let memoryBytes = 0;
  const { entries: verified, findings } = await verifyLog(pool, {
    onVerified: () => (memoryBytes = Math.max(memoryBytes, process.memoryUsage.rss())),
  });
  if (findings[0] !== undefined) throw new Error(findings[0].message);
  const seconds = (performance.now() - startedMs) / 1_000;
  const { user, system } = process.cpuUsage(before);
  const cpuSeconds = (user + system) / 1_000_000;
  return { seconds, cpuSeconds, verified, memoryMb: Math.round(memoryBytes / 1_048_576) };
}
