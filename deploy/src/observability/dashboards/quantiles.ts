import type { Query } from "./panel.ts";

/** Returns queries for p50, p95 and p99 of a histogram over 5 minutes (20 scrapes). */
export const quantiles = (histogram: string, selector = ""): Query[] =>
  [0.5, 0.95, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum by (le) (rate(${histogram}_bucket${selector}[5m])))`,
    legend: `p${quantile * 100}`,
  }));

/** Returns queries for the resources of a service's processes. */
export const processQueries = (job: string) => ({
  cpu: {
    expr: `rate(process_cpu_seconds_total{job="${job}"}[5m])`,
    legend: "{{instance}}",
  },
  memory: { expr: `process_resident_memory_bytes{job="${job}"}`, legend: "{{instance}}" },
  eventLoop: { expr: `nodejs_eventloop_lag_p99_seconds{job="${job}"}`, legend: "{{instance}}" },
});
