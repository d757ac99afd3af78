import { setTimeout as delay } from "node:timers/promises";
import { type Testbed, startTestbed } from "../end-to-end/testbed.ts";
import type { LoadPlan } from "../end-to-end/load/load-plan.ts";
import type { Setting } from "../end-to-end/report/machine.ts";
import { measureOn } from "../end-to-end/measure.ts";
import { type Phase, phaseOf, requireExactlyOnce } from "../end-to-end/load/phase.ts";
import { runLoad } from "../end-to-end/load/run-load.ts";
import type { BenchContext } from "../harness/command.ts";
import { type Growth, judgeSoak } from "./judge-soak.ts";
import type { Options } from "./options.ts";
import { createSampler, type Sample } from "./sample.ts";

/** The result of a soak test; the page has only some of the samples. */
export type Soaked = {
  readonly setting: Setting;
  readonly minutes: number;
  readonly load: Phase;
  readonly growths: readonly Growth[];
  /** Node's warnings about possible leaks of event listeners. */
  readonly listenerWarnings: number;
  readonly samples: readonly Sample[];
};

const RATE_SECONDS = 20;
const CONNECTIONS = 8;
const POLL_INTERVAL_MS = 5_000;

/** Sends the load, takes samples, and evaluates them. */
export async function soak(
  context: BenchContext,
  options: Options,
): Promise<Omit<Soaked, "setting" | "minutes">> {
  const { life, progress } = context;
  const { minutes, load, batch, nodes } = options;
  const testbed = await startTestbed(life, (doing) => progress.step(doing));
  const rate = options.rate ?? (await sustainedRate(testbed, context, options));
  const eventsPerSecond = Math.round((rate * load) / 100);
  const what = `${eventsPerSecond} events/s (${load} %) for ${minutes} min`;
  progress.step(what, minutes * 60);
  const plan: LoadPlan = {
    gatewayUrls: testbed.gatewayUrls,
    eventsPerRequest: batch,
    nodes,
    connections: CONNECTIONS,
    warmUpSeconds: 1,
    seconds: minutes * 60,
    pace: { kind: "open", eventsPerSecond },
    databaseUrl: undefined,
  };
  const over = new AbortController();
  const sampling = sampleUntil(over.signal, await createSampler(life, testbed));
  const ran = await runLoad(testbed, plan, progress.done).finally(() => over.abort());
  const samples = await sampling;
  const phase = phaseOf("half", what, plan, ran);
  requireExactlyOnce(phase);
  const logs = testbed.services.map((service) => service.log()).join("");
  return {
    load: { ...phase, lag: [] },
    growths: judgeSoak(samples),
    listenerWarnings: logs.split("MaxListenersExceededWarning").length - 1,
    samples,
  };
}

async function sustainedRate(
  testbed: Testbed,
  context: BenchContext,
  options: Options,
): Promise<number> {
  const { phases } = await measureOn(testbed, context, {
    ...options,
    only: ["sustained"],
    seconds: RATE_SECONDS,
    idleSeconds: 0,
    batch: 500,
    rate: undefined,
  });
  const [phase] = phases;
  if (phase === undefined) throw new Error("no rate could be sustained");
  return phase.eventsPerSecond;
}

async function sampleUntil(over: AbortSignal, sample: () => Promise<Sample>): Promise<Sample[]> {
  const samples: Sample[] = [];
  while (!over.aborted) {
    samples.push(await sample());
    await delay(POLL_INTERVAL_MS, undefined, { signal: over }).catch(() => undefined);
  }
  return samples;
}
