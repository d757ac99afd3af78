import { alertList, type Dashboard, lines, stat } from "./panel.ts";

/** The first dashboard for the person on call. */
export const overview: Dashboard = {
  uid: "overview",
  title: "overview",
  description: "Is anything wrong, and where is the pipeline stuck? Start here.",
  rows: [
    {
      title: "Is anything wrong?",
      panels: [
        stat({
          title: "Running processes",
          description:
            "Processes that answer a scrape, by service. 0 raises a page: docs/runbooks/service-down.md",
          queries: [{ expr: "sum by (job) (up)", legend: "{{job}}" }],
        }),
        stat({
          title: "Failing checks",
          description: "Of /readyz, of all processes. To find them: fiberstream_check_ok == 0",
          limit: { badAt: 1 },
          queries: [{ expr: "count(fiberstream_check_ok) - sum(fiberstream_check_ok)" }],
        }),
        stat({
          title: "Failed requests, 1 h",
          description: "Share of the requests that got a 5xx answer. The objective is 0.1 %",
          unit: "percentunit",
          limit: { warnAt: 0.001, badAt: 0.0144 },
          queries: [{ expr: "fiberstream:failed_requests:ratio_rate1h" }],
        }),
        stat({
          title: "Late events, 1 h",
          description:
            "Share of the events that were in the table later than after 5 s. The objective is 1 %",
          unit: "percentunit",
          limit: { warnAt: 0.01, badAt: 0.144 },
          queries: [{ expr: "fiberstream:late_events:ratio_rate1h" }],
        }),
        stat({
          title: "Age of the oldest unprocessed record",
          description: "By consumer. It raises a page at 2 min without a commit, or at 5 min",
          unit: "s",
          limit: { warnAt: 5, badAt: 120 },
          queries: [{ expr: "fiberstream:consumer_lag_seconds:max", legend: "{{job}}" }],
        }),
        stat({
          title: "Open circuit breakers",
          description:
            "Partitions that are stopped because of bad records: npm run fiber -- breaker show",
          limit: { badAt: 1 },
          queries: [{ expr: "sum(fiberstream_pipeline_breaker_open)" }],
        }),
      ],
    },
    {
      title: "Where is it stuck? The rates of all stages should be equal",
      panels: [
        lines({
          title: "Events by stage",
          description:
            "If the line of a stage is below that of the stage before, events wait there",
          unit: "cps",
          queries: [
            { expr: "fiberstream:events_accepted:rate5m", legend: "accepted by gateways" },
            {
              expr: "sum by (stage) (fiberstream:records_done:rate5m)",
              legend: "processed by {{stage}}",
            },
          ],
        }),
        lines({
          title: "Age of the oldest unprocessed record",
          description: "By consumer. A line that rises by 1 s per second: that consumer is stuck",
          unit: "s",
          limit: { badAt: 120 },
          queries: [{ expr: "fiberstream:consumer_lag_seconds:max", legend: "{{job}}" }],
        }),
        lines({
          title: "Retried batches, by unavailable dependency",
          description: "Shows which backing service to look at",
          unit: "cps",
          queries: [
            {
              expr: "sum by (stage, cause) (rate(fiberstream_pipeline_retries_total[5m]))",
              legend: "{{stage}}: {{cause}}",
            },
          ],
        }),
      ],
    },
    {
      title: "Error budgets and alerts",
      panels: [
        stat({
          title: "Availability budget left, 3 d",
          description: "1 minus the failed share divided by 0.1 %. Below 0 the budget is used up",
          unit: "percentunit",
          queries: [{ expr: "1 - fiberstream:failed_requests:ratio_rate3d / 0.001" }],
        }),
        stat({
          title: "Freshness budget left, 3 d",
          description: "1 minus the late share divided by 1 %. Below 0 the budget is used up",
          unit: "percentunit",
          queries: [{ expr: "1 - fiberstream:late_events:ratio_rate3d / 0.01" }],
        }),
        alertList({ title: "Alerts", description: "Pending and firing alerts" }),
      ],
    },
  ],
};
