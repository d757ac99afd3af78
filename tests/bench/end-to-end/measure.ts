import { messageOf } from "@fiberstream/runtime/errors";
import type { BenchContext } from "../harness/command.ts";
import { type Testbed, type TestbedOptions, startTestbed } from "./testbed.ts";
import { type Idle, measureIdle } from "./idle.ts";
import type { LoadPace, LoadPlan } from "./load/load-plan.ts";
import { type Phase, type PhaseName, phaseOf, requireExactlyOnce, unsureOf } from "./load/phase.ts";
import { runLoad } from "./load/run-load.ts";

export type MeasureOptions = {
  readonly only: readonly PhaseName[];
  /** Duration of each measurement. */
  readonly seconds: number;
  readonly idleSeconds: number;
  readonly batch: number;
  readonly nodes: number;
  /** Rate to hold, in events/s, whether it can be sustained or not; undefined: find the sustainable rate. */
  readonly rate: number | undefined;
};

export type Measured = { readonly phases: readonly Phase[]; readonly idle: Idle | undefined };

const WARM_UP_SECONDS = 5;
const BATCH_CONNECTIONS = 8;
const SINGLE_CONNECTIONS = 64;
/** Enough that every stage has work, and few enough to be written within seconds. */
const EVENTS_AHEAD = { batches: 40_000, singles: 5_000 } as const;
const NEED_RATE = ["sustained", "half", "most"] as const;
/** Shares of the closed load's rate that are tried. If the lag grows with all of them, the last one is reported as growing. */
const HELD_SHARES = [0.97, 0.92, 0.86, 0.8, 0.7, 0.6, 0.5] as const;

/** Starts the platform and measures the selected phases. */
export async function measure(
  context: BenchContext,
  options: MeasureOptions,
  bedOptions: TestbedOptions = {},
): Promise<Measured> {
  const testbed = await startTestbed(
    context.life,
    (doing) => context.progress.step(doing),
    bedOptions,
  );
  return measureOn(testbed, context, options);
}

/** Measures the selected phases one after the other; each is checked before the next one begins. */
export async function measureOn(
  testbed: Testbed,
  context: BenchContext,
  options: MeasureOptions,
): Promise<Measured> {
  const { progress } = context;
  const { only, seconds, batch, nodes } = options;
  const phases: Phase[] = [];
  let unsure = 0;

  const plan = (how: { of: number; pace: LoadPace; looks?: boolean }): LoadPlan => ({
    gatewayUrls: testbed.gatewayUrls,
    eventsPerRequest: how.of,
    nodes,
    connections: how.of === 1 ? SINGLE_CONNECTIONS : BATCH_CONNECTIONS,
    warmUpSeconds: WARM_UP_SECONDS,
    seconds,
    pace: how.pace,
    databaseUrl: how.looks === true ? testbed.backingServices.databaseUrl : undefined,
  });
  const runPhase = async (name: Phase["name"], what: string, load: LoadPlan): Promise<Phase> => {
    progress.step(what, load.seconds);
    const ran = await runLoad(testbed, load, progress.done).catch((error: unknown) => {
      const logs = testbed.services.map((service) => service.lastLines()).join("\n");
      throw new Error(`${what}: ${messageOf(error)}\n${logs}`, { cause: error });
    });
    const phase = phaseOf(name, what, load, ran);
    requireExactlyOnce(phase, unsure);
    unsure += unsureOf(phase);
    return phase;
  };
  const closed = (of: number) => {
    const eventsAhead = of === 1 ? EVENTS_AHEAD.singles : EVENTS_AHEAD.batches;
    return plan({ of, pace: { kind: "closed", eventsAhead } });
  };
  const open = (of: number, eventsPerSecond: number, looks = false) =>
    plan({ of, pace: { kind: "open", eventsPerSecond }, looks });

  await runPhase("sustained", "warming up", {
    ...closed(batch),
    warmUpSeconds: 0,
    seconds: WARM_UP_SECONDS,
  });
  const hold = (rate: number) =>
    runPhase("sustained", `holding ${rate} events/s`, open(batch, rate));
  let { rate } = options;
  if (rate !== undefined && only.includes("sustained")) phases.push(await hold(rate));
  if (rate === undefined && NEED_RATE.some((name) => only.includes(name))) {
    const most = await runPhase(
      "sustained",
      "the highest rate at which rows are written",
      closed(batch),
    );
    let held = most;
    for (const share of HELD_SHARES) {
      rate = Math.round(most.eventsPerSecond * share);
      held = await hold(rate);
      if (held.isLagFlat) break;
    }
    if (only.includes("sustained")) phases.push(held);
  }
  for (const [name, share] of [
    ["half", 0.5],
    ["most", 0.8],
  ] as const) {
    if (rate === undefined || !only.includes(name)) continue;
    const what = `batches of ${batch} at ${share * 100} % of ${rate} events/s`;
    phases.push(await runPhase(name, what, open(batch, rate * share, true)));
  }
  if (only.includes("single")) {
    const most = await runPhase(
      "single-sustained",
      "single POSTs at the highest rate at which rows are written",
      closed(1),
    );
    const what = `single POSTs at half of ${Math.round(most.eventsPerSecond)} events/s`;
    phases.push(most, await runPhase("single", what, open(1, most.eventsPerSecond / 2, true)));
  }
  const idle = only.includes("idle") ? await idleOf(testbed, context, options) : undefined;
  return { phases, idle };
}

async function idleOf(
  testbed: Testbed,
  { progress }: BenchContext,
  { idleSeconds }: MeasureOptions,
) {
  progress.step(`no events for ${idleSeconds} s`, idleSeconds);
  return measureIdle(testbed, idleSeconds);
}
