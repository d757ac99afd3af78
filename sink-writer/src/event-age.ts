import type { Histogram, MetricType, Registry } from "prom-client";
import type { MetricRow } from "./metric-row.ts";

const NAME = "fiberstream_sink_event_age_seconds";
const HELP =
  "From the gateway's taking an event in to its row's commit: the pipeline's own latency. 99 % are to be below 5 s";
/** 5 s, the objective, is one of them, so that the share below it is exact. */
const UPPER_BOUNDS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 21_600];

/**
 * A histogram that takes a batch at a time. The client's own one has to be told each event by itself,
 * with a hash of the labels every time.
 * @returns a function that counts the rows of a batch as committed at `committedMs` (ms since 1970)
 */
export function createEventAge(options: {
  registry: Registry;
}): (rows: readonly MetricRow[], committedMs: number) => void {
  const counts = Array.from({ length: UPPER_BOUNDS_S.length + 1 }, () => 0);
  let sumSeconds = 0;

  const values = () => {
    let total = 0;
    const buckets = counts.map((count, index) => {
      total += count;
      const le = UPPER_BOUNDS_S[index] ?? "+Inf";
      return { metricName: `${NAME}_bucket`, labels: { le }, value: total };
    });
    return [
      ...buckets,
      { metricName: `${NAME}_sum`, labels: {}, value: sumSeconds },
      { metricName: `${NAME}_count`, labels: {}, value: total },
    ];
  };
  const metric = {
    name: NAME,
    help: HELP,
    get: async () => ({
      name: NAME,
      help: HELP,
      type: "histogram" as unknown as MetricType,
      aggregator: "sum",
      values: values(),
    }),
  };
  // The registry asks a metric for no more than its name and `get`.
  options.registry.registerMetric(metric as unknown as Histogram);

  return (rows, committedMs) => {
    for (const { event } of rows) {
      const seconds = Math.max(0, committedMs - event.received_at / 1_000) / 1_000;
      let bucket = 0;
      while (seconds > (UPPER_BOUNDS_S[bucket] ?? Infinity)) bucket++;
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      sumSeconds += seconds;
    }
  };
}
