import { consumerRows } from "./consumer-rows.ts";
import { type Dashboard, lines } from "./panel.ts";
import { processRow } from "./process-row.ts";
import { quantiles } from "./quantiles.ts";

export const sink: Dashboard = {
  uid: "sink",
  title: "sink-writer",
  description: "Enriched records in, rows out.",
  rows: [
    {
      title: "Freshness",
      panels: [
        lines({
          title: "From the gateway to the row's commit",
          description: "The pipeline's own latency; 99 % are to be below 5 s",
          unit: "s",
          limit: { badAt: 5 },
          queries: quantiles("fiberstream_sink_event_age_seconds"),
        }),
        lines({
          title: "Rows by path",
          description: "staging: batches that held repeats, at about half the speed",
          unit: "cps",
          queries: [
            { expr: "sum by (path) (rate(fiberstream_sink_rows_total[5m]))", legend: "{{path}}" },
          ],
        }),
        lines({
          title: "Conflicts",
          description: "Same identity, other content: look at the probe",
          unit: "cps",
          queries: [
            { expr: "sum(rate(fiberstream_sink_conflicts_total[5m]))", legend: "conflicts" },
          ],
        }),
        lines({
          title: "Bytes copied",
          description: "To PostgreSQL, repeated tries included",
          unit: "Bps",
          queries: [{ expr: "sum(rate(fiberstream_sink_copy_bytes_total[5m]))", legend: "bytes" }],
        }),
      ],
    },
    ...consumerRows("sink-writer", "sink"),
    processRow("sink-writer"),
  ],
};
