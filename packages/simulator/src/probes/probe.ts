import type { ProbeEvent } from "@fiberstream/schemas/generated/records";
import { createFurtherFields } from "./further-fields.ts";
import type { City } from "./cities.ts";
import { createRandom, type Random, seedOf } from "./random.ts";
import { timestampOf } from "./timestamp.ts";
import { createWeather, type Weather } from "./weather.ts";

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
] as const;
export type ModelledEvent = {
  readonly [Name in (typeof MODELLED)[number]]: NonNullable<ProbeEvent[Name]>;
} & { readonly timestamp: string };

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
/** The latency that a probe reports without a reply: its timeout. */
const TIMEOUT_MS = 5_000;
const FIRMWARE = ["2.4.1", "2.4.1", "2.4.0", "2.3.7", "1.9.12"];
const LINKS = ["fibre", "fibre", "cable", "lte", "satellite"];

/** @param options.seed seed of this probe */
export function createProbe(options: { seed: number; nodeId: string; city: City }): Probe {
  const { seed, nodeId, city } = options;
  const weatherAt = createWeather(seed);
  const character = createRandom(seed);
  const firstTarget = Math.floor(character.unit() * TARGETS.length);
  const ownLatencyMs = city.baseLatencyMs * (0.8 + 0.4 * character.unit());
  const metadata = {
    city: city.name,
    version: pick(FIRMWARE, character),
    link: pick(LINKS, character),
  };

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
      const latencyMs =
        now.kind === "outage"
          ? TIMEOUT_MS
          : ownLatencyMs * target.distance * (1 + 0.35 * busy) * jitter(random);
      const event: ModelledEvent = {
        node_id: nodeId,
        country: city.country,
        region: city.region,
        latency_ms: rounded(Math.min(latencyMs, TIMEOUT_MS)),
        uptime_pct: uptimePct,
        packet_loss: rounded(lossPct(now, busy, random)),
        timestamp: timestampOf(timeMicros),
        target_host: target.host,
        probe_type: target.type,
        metadata: { ...metadata, sequence: number, cpu_c: 38 + Math.round(12 * random.unit()) },
      };
      return addFurtherFields(event, random);
    },
  };
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

function lossPct(weather: Weather, busy: number, random: Random): number {
  switch (weather.kind) {
    case "outage":
      return 100;
    case "lossy":
      return Math.min(100, weather.lossPct * (0.5 + random.unit()));
    case "fair":
      return random.chance(0.02 + 0.05 * busy) ? 2 * random.unit() : 0;
  }
}

const rounded = (value: number) => Math.round(value * 100) / 100;

const pick = (from: readonly string[], random: Random): string =>
  from[Math.floor(random.unit() * from.length)] ?? "";
