import { setTimeout as delay } from "node:timers/promises";
import type { Bed } from "./testbed.ts";
import { cpuSeconds, difference, mapParties, memoryMb, type PerParty } from "./costs.ts";

/** What an hour costs in which nothing comes. */
export type Idle = {
  /** For how long it was measured. */
  readonly seconds: number;
  readonly cpuSecondsPerHour: PerParty;
  readonly memoryMb: PerParty;
  readonly loggedBytesPerHour: number;
};

/** Looks at everything before and after a time in which nothing is sent. */
export async function measureIdle(bed: Bed, seconds: number): Promise<Idle> {
  const before = cpuSeconds(bed, NO_LOAD);
  const loggedBefore = loggedBytes(bed);
  const fromMs = performance.now();
  await delay(seconds * 1_000);
  const took = (performance.now() - fromMs) / 1_000;
  const used = difference(cpuSeconds(bed, NO_LOAD), before);
  const perHour = 3_600 / took;
  return {
    seconds: took,
    cpuSecondsPerHour: mapParties((party) => used[party] * perHour),
    memoryMb: memoryMb(bed, NO_LOAD),
    loggedBytesPerHour: (loggedBytes(bed) - loggedBefore) * perHour,
  };
}

/** No process has it. */
const NO_LOAD = -1;

export const loggedBytes = ({ services }: Bed): number =>
  services.reduce((sum, service) => sum + service.loggedBytes(), 0);
