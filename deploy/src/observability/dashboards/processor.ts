import { consumerRows } from "./consumer-rows.ts";
import { type Dashboard, lines } from "./panel.ts";
import { processRow } from "./process-row.ts";

export const processor: Dashboard = {
  uid: "processor",
  title: "stream-processor",
  description: "Raw records in, enriched ones and alerts out.",
  rows: [
    ...consumerRows("stream-processor", "processor"),
    {
      title: "Nodes",
      panels: [
        lines({
          title: "Node look-ups by tier",
          description: "postgres unavailable: events go on without their node's data",
          unit: "cps",
          queries: [
            {
              expr: "sum by (tier, outcome) (rate(fiberstream_node_lookup_total[5m]))",
              legend: "{{tier}} {{outcome}}",
            },
          ],
        }),
        lines({
          title: "Windows in memory, and those forgotten for lack of room",
          description: "Forgotten ones leave repeats to the sink: raise WINDOW_NODES_PER_PARTITION",
          queries: [
            { expr: "sum(fiberstream_window_nodes)", legend: "windows" },
            { expr: "sum(increase(fiberstream_window_evictions_total[5m]))", legend: "forgotten" },
            {
              expr: "sum(increase(fiberstream_window_records_ahead_total[5m]))",
              legend: "records stamped ahead",
            },
          ],
        }),
        lines({
          title: "Late events, changes of alerts, nodes published",
          description: "Late: received long after they were measured",
          unit: "cps",
          queries: [
            { expr: "sum(rate(fiberstream_late_events_total[5m]))", legend: "late events" },
            { expr: "sum(rate(fiberstream_alert_changes_total[5m]))", legend: "changes of alerts" },
            { expr: "sum(rate(fiberstream_nodes_published_total[5m]))", legend: "nodes published" },
          ],
        }),
      ],
    },
    processRow("stream-processor"),
  ],
};
