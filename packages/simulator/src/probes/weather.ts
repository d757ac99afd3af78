import { createRandom, seedOf } from "./random.ts";

/** How a network is at one moment. */
export type Weather =
  | { readonly kind: "fair" }
  /** Packets get lost for some minutes. */
  | { readonly kind: "lossy"; readonly lossPct: number }
  /** Nothing comes back. */
  | { readonly kind: "outage" };

/** Trouble comes and goes in pieces of this length. */
const SLOT_MS = 5 * 60 * 1_000;
const SLOTS_OF_AN_HOUR = 12;
/** About one outage in three days, one lossy spell in seven hours, for each probe. */
const OUTAGE_CHANCE = 0.001;
const LOSSY_CHANCE = 0.012;

export type WeatherReport = {
  readonly now: Weather;
  /** Share of the hour before in which the network was up. */
  readonly uptimePct: number;
};

/**
 * The troubles of one probe's network, the same at the same time for the same seed, so that runs one
 * after the other tell one story.
 *
 * @returns the report for a time in ms since 1970; one slot is remembered, so times that go on are cheap
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
