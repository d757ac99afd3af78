import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { messageOf } from "@fiberstream/runtime/errors";
import { stopOnCtrlC } from "@fiberstream/terminal/stopping";
import { createCommand, type Options } from "./options.ts";
import { traitOf } from "./faults/fault-kinds.ts";
import { createProgress } from "./report/progress.ts";
import { brokenPromises, renderReport } from "./report/report.ts";
import { areBackingServicesNative, runWithOwnMounts } from "./platform/own-mounts.ts";
import { runChaos } from "./run-chaos.ts";
import { topologyOf } from "./platform/topology.ts";
import { planByChance, planEachOnce, renderSchedule } from "./schedule/schedule.ts";

try {
  await createCommand(run).parseAsync();
} catch (error) {
  process.stderr.write(`chaos: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
// Exits although a fault may have left half-open connections.
process.exit();

async function run(options: Options): Promise<void> {
  const { seed, minutes, events, brokers } = options;
  const kinds = options.kinds.filter((kind) => brokers > 1 || !traitOf(kind).isOfCluster);
  if (kinds.length === 0) throw new Error("these faults need several brokers: add --brokers 3");
  const durationMs = minutes * 60_000;
  const topology = topologyOf(brokers);
  const planned = options.eachOnce
    ? planEachOnce({ seed, durationMs, kinds, topology })
    : planByChance({
        seed,
        durationMs,
        kinds,
        everyMs: options.everySeconds * 1_000,
        topology,
      });
  // Faults that cannot run here are planned nevertheless, so that a seed gives the same schedule everywhere.
  const isNative = await areBackingServicesNative();
  const faults = planned.filter(
    ({ kind }) => isNative || !traitOf(kind).needsNativeBackingServices,
  );
  const schedule = `seed ${seed}: ${faults.length} faults in ${minutes} min\n${renderSchedule(faults)}`;
  if (options.plan) return void process.stdout.write(schedule);
  if (faults.some(({ kind }) => kind === "fill-disk") && !options.ownMounts) {
    return runWithOwnMounts();
  }
  process.stderr.write(schedule);

  const folder = mkdtempSync(join(tmpdir(), "fiberstream-chaos-"));
  const stopping = stopOnCtrlC();
  const progress = createProgress();
  let isKept = true;
  try {
    const { report, timeline } = await runChaos({
      seed,
      minutes,
      events,
      topology,
      faults,
      alone: options.alone,
      folder,
      progress,
      stopping,
    });
    progress.end();
    const out = resolve(options.out);
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, `seed-${seed}.svg`), timeline);
    writeFileSync(join(out, `seed-${seed}.json`), `${JSON.stringify(report, undefined, 2)}\n`);
    process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : renderReport(report));
    process.stderr.write(`timeline: ${join(out, `seed-${seed}.svg`)}\n`);
    const broken = brokenPromises(report);
    isKept = options.keep || broken.length > 0;
    if (broken.length > 0) {
      process.stderr.write(`chaos: ${broken.join("; ")}\n`);
      process.exitCode = 1;
    } else
      process.stderr.write("chaos: no event lost, duplicated, altered, reordered or unexplained\n");
  } finally {
    progress.end();
    if (isKept) process.stderr.write(`data and logs are in ${folder}\n`);
    else rmSync(folder, { recursive: true, force: true });
  }
}
