import { createRandom, seedOf } from "./random.ts";

/** State of a network at one moment. */
export type Weather =
  | { readonly kind: "fair" }
  /** Packets are lost for some minutes. */
  | { readonly kind: "lossy"; readonly lossPct: number }
  /** No replies arrive. */
  | { readonly kind: "outage" };

/** A network keeps its state for this time. */
const SLOT_MS = 5 * 60 * 1_000;
const SLOTS_OF_AN_HOUR = 12;
/** For each probe about one outage in three days, and one period of packet loss in seven hours. */
const OUTAGE_CHANCE = 0.001;
const LOSSY_CHANCE = 0.012;

export type WeatherReport = {
  readonly now: Weather;
  /** Share of the last hour in which the network was up. */
  readonly uptimePct: number;
};

/**
 * Creates the state of one probe's network over time. It depends only on the seed and the time, so that consecutive
 * runs are consistent.
 *
 * @returns a function that returns the state at a time in ms since 1970; it caches the last slot
 */
export function createWeather(seed: number): (timeMs: number) => WeatherReport {
  let slot = -1;
  let report: WeatherReport = { now: { kind: "fair" }, uptimePct: 100 };
  return (timeMs) => {
    const wanted = Math.floor(timeMs / SLOT_MS);
    if (wanted !== slot) {
      slot = wanted;
      report = { now: weatherIn(seed, slot), uptimePct: uptimeBefore(seed, slot) };
    }
    return report;
  };
}

function weatherIn(seed: number, slot: number): Weather {
  const random = createRandom(seedOf(seed, slot));
  if (random.chance(OUTAGE_CHANCE)) return { kind: "outage" };
  if (random.chance(LOSSY_CHANCE)) return { kind: "lossy", lossPct: 3 + 30 * random.unit() };
  return { kind: "fair" };
}

function uptimeBefore(seed: number, slot: number): number {
  let outages = 0;
  for (let before = slot - SLOTS_OF_AN_HOUR; before < slot; before++) {
    if (weatherIn(seed, before).kind === "outage") outages++;
  }
  return Math.round((1 - outages / SLOTS_OF_AN_HOUR) * 10_000) / 100;
}
