import { consumerRows } from "./consumer-rows.ts";
import { type Dashboard, lines } from "./panel.ts";
import { processRow } from "./process-row.ts";

export const processor: Dashboard = {
  uid: "processor",
  title: "stream-processor",
  description: "Consumes raw records; produces enriched records and alerts.",
  rows: [
    ...consumerRows("stream-processor", "processor"),
    {
      title: "Nodes",
      panels: [
        lines({
          title: "Node look-ups by tier",
          description: "postgres unavailable: events are enriched without their node's data",
          unit: "cps",
          queries: [
            {
              expr: "sum by (tier, outcome) (rate(fiberstream_node_lookup_total[5m]))",
              legend: "{{tier}} {{outcome}}",
            },
          ],
        }),
        lines({
          title: "Windows in memory, and windows that were evicted",
          description:
            "The processor cannot see duplicates of an evicted window; the sink drops them. To keep more: raise WINDOW_NODES_PER_PARTITION",
          queries: [
            { expr: "sum(fiberstream_window_nodes)", legend: "windows" },
            { expr: "sum(increase(fiberstream_window_evictions_total[5m]))", legend: "forgotten" },
            {
              expr: "sum(increase(fiberstream_window_records_ahead_total[5m]))",
              legend: "records with a time in the future",
            },
          ],
        }),
        lines({
          title: "Late events, alert changes, published nodes",
          description: "Late: received long after the measurement",
          unit: "cps",
          queries: [
            { expr: "sum(rate(fiberstream_late_events_total[5m]))", legend: "late events" },
            { expr: "sum(rate(fiberstream_alert_changes_total[5m]))", legend: "alert changes" },
            { expr: "sum(rate(fiberstream_nodes_published_total[5m]))", legend: "published nodes" },
            {
              expr: "sum(rate(fiberstream_breaker_changes_unrecorded_total[5m]))",
              legend: "breaker changes that are missing in the time line",
            },
          ],
        }),
      ],
    },
    processRow("stream-processor"),
  ],
};
