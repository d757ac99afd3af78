import type { Simulation } from "@fiberstream/simulator/simulate";
import type { Platform } from "./platform.ts";

/** Returns a simulation of five probes with an event per second each, whose rows are verified. */
export const simulationOn = (
  platform: Platform,
  options: Partial<Omit<Simulation, "verify">> & { stallMs: number },
): Simulation => ({
  url: new URL(platform.gatewayUrl),
  probes: 5,
  rate: 1,
  durationMs: undefined,
  maxEvents: undefined,
  batch: undefined,
  concurrency: 64,
  seed: 1,
  freshIds: undefined,
  ...options,
  verify: { databaseUrl: platform.databaseUrl, stallMs: options.stallMs },
});
