import type { ProbeEvent } from "@fiberstream/schemas/generated/records";
import { createFurtherFields } from "./further-fields.ts";
import type { City } from "./cities.ts";
import { type Details, DETAILS, measure, type Measurement } from "./measurement.ts";
import { createRandom, type Random, seedOf } from "./random.ts";
import { timestampOf } from "./timestamp.ts";
import { createWeather } from "./weather.ts";

/** The fields whose values follow from the probe, its network and the time. */
const MODELLED = [
  "node_id",
  "country",
  "region",
  "latency_ms",
  "uptime_pct",
  "packet_loss",
  "timestamp",
  "target_host",
  "probe_type",
  "metadata",
  ...DETAILS,
] as const;
export type ModelledEvent = {
  readonly [Name in Exclude<(typeof MODELLED)[number], keyof Measurement>]: NonNullable<
    ProbeEvent[Name]
  >;
} & Measurement & { readonly timestamp: string };

/** An event as a probe in the field sends it. */
export type SimulatedEvent = ModelledEvent & ProbeEvent;

const addFurtherFields = createFurtherFields(MODELLED);

export type Probe = {
  readonly nodeId: string;
  readonly city: City;
  /**
   * Returns an event. The same number and time always give the same event, so that a row can be compared with the
   * event without storing it.
   *
   * @param number counts the probe's events from 0
   * @param timeMicros us since 1970
   */
  readonly eventAt: (number: number, timeMicros: number) => SimulatedEvent;
};

type Target = {
  readonly host: string;
  readonly type: string;
  /** Round-trip time relative to that of a near target. */
  readonly distance: number;
};

const TARGETS: readonly Target[] = [
  { host: "near.example.net", type: "ping", distance: 1 },
  { host: "www.example.com", type: "http", distance: 2.6 },
  { host: "resolver.example.net", type: "dns", distance: 0.8 },
  { host: "far.example.org", type: "ping", distance: 3.9 },
  { host: "api.example.com", type: "tcp", distance: 1.7 },
  { host: "video.example.org", type: "http", distance: 3.1 },
];
const TARGETS_OF_A_PROBE = 3;
/** Versions in the field, and what of a measurement they report beside its latency and its loss. */
const FIRMWARE: readonly {
  readonly version: string;
  readonly reports: readonly (keyof Details)[];
}[] = [
  { version: "2.4.1", reports: DETAILS },
  { version: "2.4.1", reports: DETAILS },
  { version: "2.4.0", reports: DETAILS },
  { version: "2.3.7", reports: ["sent", "received", "rtt_min_ms", "rtt_max_ms", "error"] },
  { version: "1.9.12", reports: [] },
];
const LINKS = ["fibre", "fibre", "cable", "lte", "satellite"];

/** @param options.seed seed of this probe */
export function createProbe(options: { seed: number; nodeId: string; city: City }): Probe {
  const { seed, nodeId, city } = options;
  const weatherAt = createWeather(seed);
  const character = createRandom(seed);
  const firstTarget = Math.floor(character.unit() * TARGETS.length);
  const ownLatencyMs = city.baseLatencyMs * (0.8 + 0.4 * character.unit());
  const { version, reports } = pick(FIRMWARE, character);
  const metadata = { city: city.name, version, link: pick(LINKS, character) };

  return {
    nodeId,
    city,
    eventAt: (number, timeMicros) => {
      const random = createRandom(seedOf(seed, number));
      const timeMs = timeMicros / 1_000;
      const { now, uptimePct } = weatherAt(timeMs);
      const at = (firstTarget + (number % TARGETS_OF_A_PROBE)) % TARGETS.length;
      const target = TARGETS[at] ?? NEAREST;
      const busy = busynessAt(timeMs, city.utcOffsetHours);
      const usualMs = ownLatencyMs * target.distance * (1 + 0.35 * busy) * jitter(random);
      const measured = measure({ type: target.type, usualMs }, { weather: now, busy }, random);
      const event: ModelledEvent = {
        node_id: nodeId,
        country: city.country,
        region: city.region,
        latency_ms: measured.latency_ms,
        uptime_pct: uptimePct,
        packet_loss: measured.packet_loss,
        timestamp: timestampOf(timeMicros),
        target_host: target.host,
        probe_type: target.type,
        metadata: { ...metadata, sequence: number, cpu_c: 38 + Math.round(12 * random.unit()) },
        ...reported(measured, reports),
      };
      return addFurtherFields(event, random);
    },
  };
}

function reported(measured: Measurement, names: readonly (keyof Details)[]): Details {
  const details: Record<string, unknown> = {};
  for (const name of names) details[name] = measured[name] ?? null;
  return details;
}

const NEAREST: Target = { host: "near.example.net", type: "ping", distance: 1 };

/** Returns the load of the network: 0 at eight in the morning, 1 at eight in the evening, local time. */
function busynessAt(timeMs: number, utcOffsetHours: number): number {
  const localHours = (timeMs / 3_600_000 + utcOffsetHours) % 24;
  return (1 + Math.cos(((localHours - PEAK_HOUR) / 24) * 2 * Math.PI)) / 2;
}
const PEAK_HOUR = 20;

/** Returns a random factor for a round-trip time: mostly near 1, sometimes much more. */
function jitter(random: Random): number {
  const usual = Math.exp(0.09 * random.normal());
  return random.chance(0.01) ? usual * (2 + 4 * random.unit()) : usual;
}

function pick<T>(from: readonly T[], random: Random): T {
  const found = from[Math.floor(random.unit() * from.length)];
  if (found === undefined) throw new Error("there is nothing to pick from");
  return found;
}
