/** Times in ms: how many there were, and the quantiles that are told of them. */
export type Quantiles = {
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
};

/** By nearest rank: a quantile is a time that was measured. NaN when nothing was. */
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
