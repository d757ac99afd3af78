/** Quantiles of times in ms, and the number of times. */
export type Quantiles = {
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
};

/** Returns quantiles by nearest rank, so that each is a measured time; NaN if there are none. */
export function quantilesOf(timesMs: Iterable<number>): Quantiles {
  const sorted = Float64Array.from(timesMs).sort();
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? NaN;
  return {
    count: sorted.length,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    p99Ms: at(0.99),
    maxMs: at(1),
  };
}
