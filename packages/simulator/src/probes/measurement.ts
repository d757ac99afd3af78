import type { ProbeEvent } from "@fiberstream/schemas/generated/records";
import type { Random } from "./random.ts";
import type { Weather } from "./weather.ts";

/** What a probe measures, and what it reports of it beside the latency and the loss. */
export type Measurement = Required<Pick<ProbeEvent, "latency_ms">> & {
  readonly packet_loss: number;
} & Details;
export type Details = Pick<
  ProbeEvent,
  | "sent"
  | "received"
  | "rtt_min_ms"
  | "rtt_max_ms"
  | "rtt_stddev_ms"
  | "jitter_ms"
  | "rtts_ms"
  | "error"
>;
export const DETAILS = [
  "sent",
  "received",
  "rtt_min_ms",
  "rtt_max_ms",
  "rtt_stddev_ms",
  "jitter_ms",
  "rtts_ms",
  "error",
] as const satisfies readonly (keyof Details)[];

type ErrorKind = NonNullable<ProbeEvent["error"]>;

/** A packet without a reply counts as lost after this time. */
const TIMEOUT_MS = 5_000;
const PACKETS = 100;
/** A probe reports the times of some of its packets. */
const REPORTED_TIMES = 10;
/** The times of single packets differ by at most this share from their mean. */
const SPREAD = 0.15;
const HTTP_ERROR_CHANCE = 0.002;

/** By probe type: why nothing comes back in an outage, the most frequent reason first. */
const OUTAGE_ERRORS: Readonly<Record<string, readonly ErrorKind[]>> = {
  ping: ["timeout", "unreachable"],
  http: ["timeout", "refused", "tls"],
  dns: ["timeout", "dns"],
  tcp: ["timeout", "refused"],
};

/**
 * Returns one measurement of a target.
 *
 * @param usualMs the mean round-trip time of this measurement, if the network is up
 */
export function measure(
  target: { type: string; usualMs: number },
  network: { weather: Weather; busy: number },
  random: Random,
): Measurement {
  const lost = Math.min(PACKETS, Math.round((lossPct(network, random) * PACKETS) / 100));
  if (lost === PACKETS) return outage(target.type, random);
  const latencyMs = Math.min(target.usualMs, TIMEOUT_MS);
  const times = timesAround(latencyMs, Math.min(REPORTED_TIMES, PACKETS - lost), random);
  return {
    latency_ms: rounded(latencyMs),
    packet_loss: (100 * lost) / PACKETS,
    sent: PACKETS,
    received: PACKETS - lost,
    rtt_min_ms: rounded(Math.min(latencyMs, ...times) * (1 - 0.05 * random.unit())),
    rtt_max_ms: rounded(
      Math.min(TIMEOUT_MS, Math.max(latencyMs, ...times) * (1 + 0.2 * random.unit())),
    ),
    rtt_stddev_ms: rounded(stddevOf(times)),
    jitter_ms: rounded(jitterOf(times)),
    rtts_ms: times,
    error: target.type === "http" && random.chance(HTTP_ERROR_CHANCE) ? "http" : null,
  };
}

function outage(type: string, random: Random): Measurement {
  const errors = OUTAGE_ERRORS[type] ?? ["timeout"];
  const place = random.chance(0.7) ? 0 : Math.floor(random.unit() * errors.length);
  return {
    latency_ms: null,
    packet_loss: 100,
    sent: PACKETS,
    received: 0,
    error: errors[place] ?? "timeout",
  };
}

function lossPct({ weather, busy }: { weather: Weather; busy: number }, random: Random): number {
  switch (weather.kind) {
    case "outage":
      return 100;
    case "lossy":
      return Math.min(95, weather.lossPct * (0.5 + random.unit()));
    case "fair":
      return random.chance(0.02 + 0.05 * busy) ? 2 * random.unit() : 0;
  }
}

/** The sum of two even distributions is bell-shaped enough, and takes a tenth of the time of a normal one. */
function timesAround(meanMs: number, count: number, random: Random): number[] {
  const times: number[] = [];
  for (let at = 0; at < count; at++) {
    const factor = 1 + SPREAD * (random.unit() + random.unit() - 1);
    times.push(rounded(Math.min(TIMEOUT_MS, meanMs * factor)));
  }
  return times;
}

function stddevOf(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return Math.sqrt(squares / values.length);
}

/** The mean difference between one packet and the next (RFC 3393 calls it delay variation). */
function jitterOf(times: readonly number[]): number {
  let sum = 0;
  for (let at = 1; at < times.length; at++)
    sum += Math.abs((times[at] ?? 0) - (times[at - 1] ?? 0));
  return times.length < 2 ? 0 : sum / (times.length - 1);
}

const rounded = (value: number) => Math.round(value * 100) / 100;
