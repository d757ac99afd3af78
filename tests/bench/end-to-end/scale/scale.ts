import { renderTable } from "@fiberstream/terminal/table";
import { inTurn, type BenchContext, withBenchContext } from "../../harness/command.ts";
import { prefixed } from "../../harness/progress.ts";
import { startTestbed } from "../testbed.ts";
import { describeSetting } from "../report/machine.ts";
import { measureOn, type MeasureOptions } from "../measure.ts";
import type { Phase } from "../load/phase.ts";
import { prefillTable } from "../load/prefill-table.ts";
import type { Scaled, Step } from "../report/results.ts";
import { readResult, save } from "../report/save.ts";
import type { Axis, AxisSteps } from "./scale-axes.ts";

type ScaleOptions = MeasureOptions & { readonly json: boolean; readonly save: boolean };

/** Increases one thing at a time, each time with a new platform, and measures the sustained rate and its costs. */
export async function scale(options: ScaleOptions, axes: readonly AxisSteps[]): Promise<void> {
  const wanted = axes.flatMap(({ axis, values }) => values.map((value) => ({ axis, value })));
  const steps = await withBenchContext(async (context) => {
    const done: Step[] = [];
    for (const [at, { axis, value }] of wanted.entries()) {
      const setting = describeSetting();
      const of = `${at + 1} of ${wanted.length}, ${value} ${axis}`;
      const named = { ...context, progress: prefixed(context.progress, of) };
      const phase = await inTurn(named, (own) => measureStep(own, options, { axis, value }));
      const step = { axis, value, setting, phase };
      done.push(step);
      // Saved after each step, because a whole run takes half an hour.
      if (options.save) await save("scaled", withStep(readResult("scaled"), step));
    }
    return done;
  });
  process.stdout.write(options.json ? `${JSON.stringify({ steps })}\n` : render(steps));
}

/** Adds a step, or replaces an earlier one with the same axis and value. */
function withStep(scaled: Scaled | undefined, step: Step): Scaled {
  const others = (scaled?.steps ?? []).filter(
    ({ axis, value }) => axis !== step.axis || value !== step.value,
  );
  const steps = [...others, step].sort((a, b) => a.axis.localeCompare(b.axis) || a.value - b.value);
  return { steps };
}

async function measureStep(
  context: BenchContext,
  options: ScaleOptions,
  { axis, value }: { axis: Axis; value: number },
): Promise<Phase> {
  const { life, progress } = context;
  const testbed = await startTestbed(life, (doing) => progress.step(doing), {
    ...(axis === "processes" && { processes: value }),
    ...(axis === "partitions" && { partitions: value }),
  });
  if (axis === "rows") await prefillTable(testbed.sql, value, progress);
  const { phases } = await measureOn(testbed, context, {
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
