import { createHistogram } from "node:perf_hooks";

/** In milliseconds; all 0 if there were no values. */
export type Percentiles = {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
};

/** Counts of a running load, for the progress bar and the summary. */
export type Tally = {
  readonly sent: (events: number) => void;
  readonly accepted: (events: number) => void;
  /** @param reason a status and code, such as "503 OVERLOADED" */
  readonly refused: (reason: string) => void;
  /** @param latencyMs time from when the request was due to the end of its answer */
  readonly answered: (latencyMs: number) => void;
  readonly counts: () => {
    sent: number;
    accepted: number;
    refused: number;
    reasons: Record<string, number>;
  };
  readonly latencyMs: () => Percentiles;
};

export function createTally(): Tally {
  const latencies = createLatencies();
  const reasons: Record<string, number> = {};
  let sent = 0;
  let accepted = 0;
  let refused = 0;
  return {
    sent: (events) => (sent += events),
    accepted: (events) => (accepted += events),
    refused: (reason) => {
      refused++;
      reasons[reason] = (reasons[reason] ?? 0) + 1;
    },
    answered: latencies.add,
    counts: () => ({ sent, accepted, refused, reasons }),
    latencyMs: latencies.percentiles,
  };
}

/** Creates a histogram of times from 1 us to an hour, with three significant digits. */
export function createLatencies() {
  const histogram = createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 3 });
  const toMs = (micros: number) => (histogram.count === 0 ? 0 : Math.round(micros) / 1_000);
  return {
    add: (ms: number) => histogram.record(Math.max(1, Math.round(ms * 1_000))),
    percentiles: (): Percentiles => ({
      p50: toMs(histogram.percentile(50)),
      p95: toMs(histogram.percentile(95)),
      p99: toMs(histogram.percentile(99)),
      max: toMs(histogram.max),
    }),
  };
}
