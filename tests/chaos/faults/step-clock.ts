import { setTimeout as delay } from "node:timers/promises";
import type { ServiceProcess } from "../platform/service-process.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const STEPS_MS = [HOUR_MS, -HOUR_MS, DAY_MS, -DAY_MS] as const;

/** The clock of a running process steps, and steps back: an hour or a day, forward or back first. */
export async function stepClock(service: ServiceProcess, lastsMs: number): Promise<void> {
  service.stepClock(STEPS_MS[lastsMs % STEPS_MS.length] ?? HOUR_MS);
  await delay(lastsMs);
  service.stepClock(0);
}

/** A gateway whose clock is off refuses what is measured now; its sender goes to the other one. */
export const isOfTheClock = (reason: string): boolean =>
  reason.includes("IN_THE_FUTURE") || reason.includes("TOO_OLD");
