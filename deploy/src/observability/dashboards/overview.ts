import { alertList, type Dashboard, lines, stat } from "./panel.ts";

/** For the person on call: is anything wrong, and where is the pipeline stuck. */
export const overview: Dashboard = {
  uid: "overview",
  title: "overview",
  description: "Is anything wrong, and where is the pipeline stuck? Start here.",
  rows: [
    {
      title: "Is anything wrong?",
      panels: [
        stat({
          title: "Processes that answer",
          description: "By service. 0 is a page: docs/runbooks/service-down.md",
          queries: [{ expr: "sum by (job) (up)", legend: "{{job}}" }],
        }),
        stat({
          title: "Checks that fail",
          description: "Of /readyz, over all processes. Which: fiberstream_check_ok == 0",
          limit: { badAt: 1 },
          queries: [{ expr: "count(fiberstream_check_ok) - sum(fiberstream_check_ok)" }],
        }),
        stat({
          title: "Failed requests, 1 h",
          description: "Share of requests answered 5xx by a fault of ours; 0.1 % is the objective",
          unit: "percentunit",
          limit: { warnAt: 0.001, badAt: 0.0144 },
          queries: [{ expr: "fiberstream:failed_requests:ratio_rate1h" }],
        }),
        stat({
          title: "Late events, 1 h",
          description: "Share of events later than 5 s in the table; 1 % is the objective",
          unit: "percentunit",
          limit: { warnAt: 0.01, badAt: 0.144 },
          queries: [{ expr: "fiberstream:late_events:ratio_rate1h" }],
        }),
        stat({
          title: "Oldest record that waits",
          description: "By consumer. It pages at 2 min without progress, or at 5 min",
          unit: "s",
          limit: { warnAt: 5, badAt: 120 },
          queries: [{ expr: "fiberstream:consumer_lag_seconds:max", legend: "{{job}}" }],
        }),
        stat({
          title: "Open breakers",
          description: "Partitions stopped for bad records: npm run fiber -- breaker show",
          limit: { badAt: 1 },
          queries: [{ expr: "sum(fiberstream_pipeline_breaker_open)" }],
        }),
      ],
    },
    {
      title: "Where is it stuck? Each stage should do what the one before does",
      panels: [
        lines({
          title: "Events by stage",
          description: "A line below the one before it is where they wait",
          unit: "cps",
          queries: [
            { expr: "fiberstream:events_accepted:rate5m", legend: "accepted by gateways" },
            {
              expr: "sum by (stage) (fiberstream:records_done:rate5m)",
              legend: "done by {{stage}}",
            },
          ],
        }),
        lines({
          title: "Oldest record that waits",
          description: "By consumer. Growing one second a second: it stands still",
          unit: "s",
          limit: { badAt: 120 },
          queries: [{ expr: "fiberstream:consumer_lag_seconds:max", legend: "{{job}}" }],
        }),
        lines({
          title: "Batches tried again, by what was away",
          description: "Anything here names the part to look at",
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
      title: "Budgets and alerts",
      panels: [
        stat({
          title: "Availability budget left, 3 d",
          description: "1 minus failed share over 0.1 %; below 0 it is used up",
          unit: "percentunit",
          queries: [{ expr: "1 - fiberstream:failed_requests:ratio_rate3d / 0.001" }],
        }),
        stat({
          title: "Freshness budget left, 3 d",
          description: "1 minus late share over 1 %; below 0 it is used up",
          unit: "percentunit",
          queries: [{ expr: "1 - fiberstream:late_events:ratio_rate3d / 0.01" }],
        }),
        alertList({ title: "Alerts", description: "Those that wait and those that fire" }),
      ],
    },
  ],
};
