import { type Dashboard, rows, rowsOverTime } from "./panel.ts";

/** Queries the database: names and places of nodes are in no metric. */
export const business: Dashboard = {
  uid: "business",
  title: "nodes and measurements",
  description: "Which nodes report, from where, and what they measure.",
  rows: [
    {
      title: "Nodes",
      panels: [
        rows({
          title: "Nodes by country",
          description: "Reporting: a node with an event in the last 10 minutes",
          queries: [
            {
              expr: `SELECT coalesce(country, 'unknown') AS country, count(*) AS nodes,
  count(*) FILTER (WHERE last_seen_at > now() - interval '10 minutes') AS reporting
FROM nodes WHERE status <> 'deleted' GROUP BY 1 ORDER BY nodes DESC`,
            },
          ],
        }),
        rows({
          title: "Nodes that have become silent",
          description:
            "In the last day. The sink marks a node as inactive after SINK_NODE_SILENT_AFTER_MS without an event",
          queries: [
            {
              expr: `SELECT coalesce(display_name, node_name) AS node, country, region, silent_since
FROM nodes
WHERE status = 'inactive' AND silent_since > now() - interval '1 day'
ORDER BY silent_since DESC LIMIT 50`,
            },
          ],
        }),
      ],
    },
    {
      title: "Measurements of the last 3 hours",
      panels: [
        rowsOverTime({
          title: "Events stored per minute",
          description: "By the timestamps of the probes; a minute is there when it has ended",
          queries: [
            {
              expr: `SELECT bucket AS time, sum(events) AS events
FROM metrics_region_1m WHERE bucket > now() - interval '3 hours' GROUP BY bucket ORDER BY bucket`,
            },
          ],
        }),
        rowsOverTime({
          title: "Latency, packet loss and outages",
          description:
            "Median latency in ms of the events that have one, mean packet loss in percent, and the share of events of which nothing came back",
          queries: [
            {
              expr: `SELECT bucket AS time,
  latency_quantile(latency_merge(latency_bins), 0.5) AS latency_ms,
  sum(loss_sum_ppm) / 1e4 / sum(events) AS packet_loss_pct,
  100.0 - 100.0 * sum(measured) / sum(events) AS outages_pct
FROM metrics_region_1m WHERE bucket > now() - interval '3 hours' GROUP BY bucket ORDER BY bucket`,
            },
          ],
        }),
      ],
    },
    {
      title: "Data quality of today and yesterday",
      panels: [
        rows({
          title: "All nodes",
          description:
            "Completeness by the usual interval of each node; late events, events in the future, duplicates",
          queries: [
            {
              expr: `SELECT day, count(*) AS nodes, sum(events) AS events,
  round(100 * sum(events) FILTER (WHERE expected IS NOT NULL) / nullif(sum(expected), 0), 2) AS complete_pct,
  sum(late) AS late, sum(ahead) AS ahead, sum(repeats) AS repeats
FROM metric_quality_daily WHERE day >= current_date - 1 GROUP BY day ORDER BY day DESC`,
            },
          ],
        }),
        rows({
          title: "Nodes with the lowest completeness",
          description: "For more: npm run fiber -- quality --worst 50",
          queries: [
            {
              expr: `SELECT day, coalesce(nodes.display_name, nodes.node_name) AS node, nodes.country,
  round(100.0 * events / expected, 1) AS complete_pct, gaps, round(longest_gap_s::numeric) AS longest_gap_s
FROM metric_quality_daily JOIN nodes USING (node_id)
WHERE day >= current_date - 1 AND events < expected ORDER BY day DESC, complete_pct LIMIT 20`,
            },
          ],
        }),
      ],
    },
    {
      title: "Worst nodes of the last 15 minutes",
      panels: [
        rows({
          title: "By latency",
          description:
            "Mean over at least 3 events, by the minutes that have ended; outages: events of which nothing came back",
          queries: [
            {
              expr: `SELECT coalesce(nodes.display_name, nodes.node_name) AS node, nodes.country,
  round((sum(latency_sum_ns) / 1e6 / nullif(sum(measured), 0))::numeric, 1) AS latency_ms,
  round((sum(loss_sum_ppm) / 1e4 / sum(events))::numeric, 2) AS packet_loss_pct, sum(events - measured) AS outages
FROM metrics_series_1m AS minute JOIN nodes USING (node_id) WHERE bucket > now() - interval '15 minutes'
GROUP BY 1, 2 HAVING sum(events) >= 3 ORDER BY 3 DESC NULLS FIRST LIMIT 20`,
            },
          ],
        }),
      ],
    },
  ],
};
