import { setTimeout as delay } from "node:timers/promises";
import type { ServiceProcess } from "../platform/service-process.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const STEPS_MS = [HOUR_MS, -HOUR_MS, DAY_MS, -DAY_MS] as const;

/** Steps the clock of a running process by an hour or a day, forward or backward, and back again. */
export async function stepClock(service: ServiceProcess, lastsMs: number): Promise<void> {
  service.stepClock(STEPS_MS[lastsMs % STEPS_MS.length] ?? HOUR_MS);
  await delay(lastsMs);
  service.stepClock(0);
}

/** Returns whether a rejection is because of the gateway's clock: it rejects current events, and the sender tries the other gateway. */
export const isOfTheClock = (reason: string): boolean =>
  reason.includes("IN_THE_FUTURE") || reason.includes("TOO_OLD");
