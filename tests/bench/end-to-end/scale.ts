import { renderTable } from "@fiberstream/deploy/local/table";
import { inTurn, type Means, withMeans } from "../frame/command.ts";
import { prefixed } from "../frame/progress.ts";
import { startBed } from "./bed.ts";
import { type Setting, describeSetting } from "./machine.ts";
import { measureOn, type MeasureOptions } from "./measure.ts";
import type { Phase } from "./phase.ts";
import { prefillTable } from "./prefill-table.ts";
import { save } from "./save.ts";
import { type Axis, STEPS } from "./scale-axes.ts";

type ScaleOptions = MeasureOptions & { readonly json: boolean; readonly save: boolean };

export type Step = { readonly axis: Axis; readonly value: number; readonly phase: Phase };
export type Scaled = { readonly setting: Setting; readonly steps: readonly Step[] };

/** Grows one thing at a time, each from nothing, and measures the sustained rate and what it costs. */
export async function scale(options: ScaleOptions, axes: readonly Axis[]): Promise<void> {
  const setting = describeSetting();
  const wanted = axes.flatMap((axis) => STEPS[axis].map((value) => ({ axis, value })));
  const steps = await withMeans(async (means) => {
    const done: Step[] = [];
    for (const [at, { axis, value }] of wanted.entries()) {
      const of = `${at + 1} of ${wanted.length}, ${value} ${axis}`;
      const named = { ...means, progress: prefixed(means.progress, of) };
      const phase = await inTurn(named, (own) => measureStep(own, options, { axis, value }));
      done.push({ axis, value, phase });
    }
    return done;
  });
  const result = { setting, options, steps };
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : render(steps));
  if (options.save) await save("scaled", result);
}

async function measureStep(
  means: Means,
  options: ScaleOptions,
  { axis, value }: { axis: Axis; value: number },
): Promise<Phase> {
  const { life, progress } = means;
  const bed = await startBed(life, (doing) => progress.step(doing), {
    ...(axis === "processes" && { processes: value }),
    ...(axis === "partitions" && { partitions: value }),
  });
  if (axis === "rows") await prefillTable(bed.sql, value, progress);
  const { phases } = await measureOn(bed, means, {
    ...options,
    only: ["sustained"],
    rate: undefined,
    ...(axis === "nodes" && { nodes: value }),
  });
  const [phase] = phases;
  if (phase === undefined) throw new Error(`no rate could be sustained with ${value} ${axis}`);
  return phase;
}

function render(steps: readonly Step[]): string {
  const us = (value: number) => value.toFixed(1);
  return `${renderTable([
    ["", "EVENTS/s", "CPU us/EVENT: GATEWAY", "PROCESSOR", "SINK", "KAFKA", "POSTGRESQL"],
    ...steps.map(({ axis, value, phase: { eventsPerSecond, cpuUsPerEvent } }) => [
      `${value.toLocaleString("en")} ${axis}`,
      String(Math.round(eventsPerSecond)),
      us(cpuUsPerEvent.gateway),
      us(cpuUsPerEvent.processor),
      us(cpuUsPerEvent.sink),
      us(cpuUsPerEvent.Kafka),
      us(cpuUsPerEvent.PostgreSQL),
    ]),
  ])}\n`;
}
