import { setTimeout as delay } from "node:timers/promises";
import type { Testbed } from "./testbed.ts";
import { cpuSeconds, difference, mapParties, memoryMb, type PerParty } from "./costs.ts";

/** The costs of an hour without events. */
export type Idle = {
  /** Duration of the measurement. */
  readonly seconds: number;
  readonly cpuSecondsPerHour: PerParty;
  readonly memoryMb: PerParty;
  readonly loggedBytesPerHour: number;
};

/** Measures the costs of a time in which nothing is sent. */
export async function measureIdle(testbed: Testbed, seconds: number): Promise<Idle> {
  const before = cpuSeconds(testbed, NO_LOAD);
  const loggedBefore = loggedBytes(testbed);
  const fromMs = performance.now();
  await delay(seconds * 1_000);
  const took = (performance.now() - fromMs) / 1_000;
  const used = difference(cpuSeconds(testbed, NO_LOAD), before);
  const perHour = 3_600 / took;
  return {
    seconds: took,
    cpuSecondsPerHour: mapParties((party) => used[party] * perHour),
    memoryMb: memoryMb(testbed, NO_LOAD),
    loggedBytesPerHour: (loggedBytes(testbed) - loggedBefore) * perHour,
  };
}

/** A PID that no process has. */
const NO_LOAD = -1;

export const loggedBytes = ({ services }: Testbed): number =>
  services.reduce((sum, service) => sum + service.loggedBytes(), 0);
