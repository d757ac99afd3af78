import { consumerRows } from "./consumer-rows.ts";
import { type Dashboard, lines } from "./panel.ts";
import { processRow } from "./process-row.ts";
import { quantiles } from "./quantiles.ts";

export const sink: Dashboard = {
  uid: "sink",
  title: "sink-writer",
  description: "Consumes enriched records; writes rows.",
  rows: [
    {
      title: "Freshness",
      panels: [
        lines({
          title: "Time from the gateway to the row's commit",
          description: "The latency of the pipeline. The objective: 99 % below 5 s",
          unit: "s",
          limit: { badAt: 5 },
          queries: quantiles("fiberstream_sink_event_age_seconds"),
        }),
        lines({
          title: "Rows by way of writing",
          description: "staging: batches with duplicates, written at about half the speed",
          unit: "cps",
          queries: [
            { expr: "sum by (path) (rate(fiberstream_sink_rows_total[5m]))", legend: "{{path}}" },
          ],
        }),
        lines({
          title: "Conflicts",
          description: "Same event_id, different content: check the probe",
          unit: "cps",
          queries: [
            { expr: "sum(rate(fiberstream_sink_conflicts_total[5m]))", legend: "conflicts" },
          ],
        }),
        lines({
          title: "Alerts of nodes",
          description: "Records of probe.alerts written to node_alerts, and attempts that failed",
          unit: "cps",
          queries: [
            {
              expr: "sum by (outcome) (rate(fiberstream_sink_alert_records_total[5m]))",
              legend: "{{outcome}}",
            },
            { expr: "sum(rate(fiberstream_sink_alert_failures_total[5m]))", legend: "failed" },
          ],
        }),
        lines({
          title: "Bytes copied",
          description: "To PostgreSQL, including retries",
          unit: "Bps",
          queries: [{ expr: "sum(rate(fiberstream_sink_copy_bytes_total[5m]))", legend: "bytes" }],
        }),
      ],
    },
    {
      title: "Reconciliation",
      panels: [
        lines({
          title: "Events unaccounted for",
          description:
            "Of the last day: lost, duplicated or altered. To list them: npm run fiber -- reconcile",
          unit: "short",
          limit: { badAt: 1 },
          queries: [{ expr: "max(fiberstream_reconciled_unaccounted_events)", legend: "events" }],
        }),
        lines({
          title: "Reconciled minutes, by verdict",
          description: "Of the last day",
          unit: "short",
          queries: [
            { expr: "max by (verdict) (fiberstream_reconciled_verdicts)", legend: "{{verdict}}" },
          ],
        }),
        lines({
          title: "Age of the newest reconciled minute",
          description: "Usually a few minutes, while events arrive",
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
      title: "Roll-ups",
      panels: [
        lines({
          title: "Lag",
          description:
            "For how long the oldest roll-up of each width has been due; for how long rows past retention wait to be dropped",
          unit: "s",
          queries: [
            { expr: "max by (width) (fiberstream_rollup_lag_seconds)", legend: "{{width}}" },
            { expr: "max(fiberstream_rollup_backfill_seconds)", legend: "rows from before" },
            { expr: "max(fiberstream_rollup_unsealed_seconds)", legend: "rows not sealed" },
          ],
        }),
        lines({
          title: "Waiting",
          description:
            "Marked pairs of node and bucket, those of buckets that have not ended included; those that failed alone",
          queries: [
            { expr: "max by (width) (fiberstream_rollup_waiting_pairs)", legend: "{{width}}" },
            {
              expr: "max by (width) (fiberstream_rollup_set_aside_pairs)",
              legend: "set aside {{width}}",
            },
          ],
        }),
        lines({
          title: "Computed and written",
          description:
            "Pairs computed again, and roll-ups written because they had changed; failed transactions",
          queries: [
            {
              expr: "sum by (width) (rate(fiberstream_rollup_pairs_total[5m]))",
              legend: "computed {{width}}",
            },
            {
              expr: "sum by (width) (rate(fiberstream_rollup_rows_written_total[5m]))",
              legend: "written {{width}}",
            },
            {
              expr: "sum(rate(fiberstream_rollup_failures_total[5m]))",
              legend: "failures",
            },
          ],
        }),
      ],
    },
    {
      title: "Data quality",
      panels: [
        lines({
          title: "Completeness",
          description:
            "Share of the expected events that were received, by the usual interval of each node. Worst nodes: npm run fiber -- quality",
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
          description: "Nodes that sent less than 95 % of the expected events",
          queries: [
            { expr: "max by (day) (fiberstream_quality_incomplete_nodes)", legend: "{{day}}" },
          ],
        }),
        lines({
          title: "Faulty events of the day",
          description: "Late, in the future, out of range, in conflict, duplicate",
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
