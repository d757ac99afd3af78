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
    {
      title: "Whether all is accounted for",
      panels: [
        lines({
          title: "Events unaccounted for",
          description: "Of the last day, lost, doubled or others; fiber reconcile names them",
          unit: "short",
          limit: { badAt: 1 },
          queries: [{ expr: "max(fiberstream_reconciled_unaccounted_events)", legend: "events" }],
        }),
        lines({
          title: "Minutes closed, by verdict",
          description: "Of the last day",
          unit: "short",
          queries: [
            { expr: "max by (verdict) (fiberstream_reconciled_verdicts)", legend: "{{verdict}}" },
          ],
        }),
        lines({
          title: "Age of the newest closed minute",
          description: "Some minutes while events come in",
          unit: "s",
          limit: { badAt: 3_600 },
          queries: [
            {
              expr: "time() - max(fiberstream_reconciled_newest_minute_timestamp_seconds)",
              legend: "age",
            },
          ],
        }),
      ],
    },
    {
      title: "How good the data are",
      panels: [
        lines({
          title: "Completeness",
          description:
            "Received of what the nodes' own rhythm lets expect; fiber quality has the worst nodes",
          unit: "percentunit",
          queries: [
            {
              expr: 'max by (day) (fiberstream_quality_events{kind="received"}) / max by (day) (fiberstream_quality_events{kind="expected"})',
              legend: "{{day}}",
            },
          ],
        }),
        lines({
          title: "Nodes below 95 %",
          description: "So many sent less than 95 % of what was expected",
          queries: [
            { expr: "max by (day) (fiberstream_quality_incomplete_nodes)", legend: "{{day}}" },
          ],
        }),
        lines({
          title: "Faulty events of the day",
          description: "Late, ahead of their time, out of range, in conflict, repeated",
          queries: [
            {
              expr: 'max by (day, kind) (fiberstream_quality_events{kind!~"received|expected"})',
              legend: "{{kind}} {{day}}",
            },
          ],
        }),
      ],
    },
    ...consumerRows("sink-writer", "sink"),
    processRow("sink-writer"),
  ],
};
