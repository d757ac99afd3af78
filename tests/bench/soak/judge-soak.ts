import { type Trend, trendOf } from "../harness/trend.ts";
import type { Sample } from "./sample.ts";

/** A resource that must not grow without bound. */
export type Growth = {
  readonly what: string;
  readonly unit: string;
  readonly first: number;
  readonly last: number;
  readonly perHour: Trend;
  /** Allowed growth per hour. */
  readonly limitPerHour: number;
  readonly isWithin: boolean;
};

/** Share of the time in which caches fill and code is compiled. */
const SETTLING_SHARE = 0.2;
/** Consecutive samples see the same heap between two garbage collections; minutes are nearly independent. */
const BUCKET_SECONDS = 60;
/** With fewer than five buckets, each would be too large a share. */
const MIN_BUCKETS = 5;
const SECONDS_PER_HOUR = 3_600;

const LIMITS = {
  /** 24 MB per hour are 4 GB per week, which an operator would notice. Less than half of it is within the noise of half an hour. */
  rssMb: 24,
  openFiles: 6,
  handles: 6,
  redisMb: 8,
  databaseConnections: 2,
  loggedKb: 1_024,
} as const;

/**
 * Returns the growth of each resource after the settling time. It is above its limit if the slope exceeds the limit by
 * more than twice its standard error.
 * @throws when there are too few samples for a regression
 */
export function judgeSoak(samples: readonly Sample[]): Growth[] {
  const lastSeconds = samples.at(-1)?.seconds ?? 0;
  const settled = samples.filter(({ seconds }) => seconds >= lastSeconds * SETTLING_SHARE);
  const [first] = settled;
  if (first === undefined) throw new Error("there are no samples");
  const grow = (
    what: string,
    unit: string,
    limitPerHour: number,
    of: (sample: Sample) => number,
  ): Growth => {
    const points = bucketsOf(settled, of);
    const trend = trendOf(points);
    const perHour = {
      slope: trend.slope * SECONDS_PER_HOUR,
      slopeError: trend.slopeError * SECONDS_PER_HOUR,
    };
    return {
      what,
      unit,
      first: points[0]?.[1] ?? NaN,
      last: points.at(-1)?.[1] ?? NaN,
      perHour,
      limitPerHour,
      isWithin: perHour.slope - 2 * perHour.slopeError <= limitPerHour,
    };
  };
  return [
    ...Object.keys(first.services).flatMap((service) => [
      grow(
        `${service}: memory (RSS)`,
        "MB",
        LIMITS.rssMb,
        ({ services }) => services[service]?.rssMb ?? NaN,
      ),
      grow(
        `${service}: open files`,
        "",
        LIMITS.openFiles,
        ({ services }) => services[service]?.openFiles ?? NaN,
      ),
      grow(
        `${service}: handles`,
        "",
        LIMITS.handles,
        ({ services }) => services[service]?.handles ?? NaN,
      ),
    ]),
    grow("Redis: memory", "MB", LIMITS.redisMb, ({ redisMb }) => redisMb),
    grow("database: connections", "", LIMITS.databaseConnections, (one) => one.databaseConnections),
    grow("log of all services", "KB", LIMITS.loggedKb, (one) => one.loggedBytes / 1_024),
  ];
}

function bucketsOf(
  samples: readonly Sample[],
  of: (sample: Sample) => number,
): (readonly [number, number])[] {
  const spanSeconds = (samples.at(-1)?.seconds ?? 0) - (samples[0]?.seconds ?? 0);
  const bucketSeconds = Math.min(BUCKET_SECONDS, spanSeconds / MIN_BUCKETS);
  const buckets = Map.groupBy(samples, ({ seconds }) => Math.floor(seconds / bucketSeconds));
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  return [...buckets.values()].map((bucket) => [
    mean(bucket.map(({ seconds }) => seconds)),
    mean(bucket.map(of)),
  ]);
}
