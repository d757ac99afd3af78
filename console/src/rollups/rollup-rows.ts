import type { Edges } from "./edges.ts";
import type { Width } from "./resolution.ts";

/** Columns that can be added up over nodes and time. */
const ADDITIVE =
  "events, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm, loss_sum_ppm, latency_min_ms, latency_max_ms, packet_loss_max, latency_bins";

/** An event of which nothing came back counts as lost, whatever its packet_loss. */
const LOSS = "CASE WHEN latency_ms IS NULL THEN 100 ELSE packet_loss END";

/** The same of a single row of the table. Whole numbers, so that sums are exact. The gateway accepts only such latencies. */
const OF_ROW = `
  1::bigint AS events, (latency_ms IS NOT NULL)::integer::bigint AS measured,
  (coalesce(anomaly_score, 0) >= 0.5)::integer::bigint AS anomalies,
  CASE WHEN sent >= 0 AND received >= 0 THEN sent ELSE 0 END::bigint AS sent, coalesce(sent - received, 0)::bigint AS lost,
  coalesce(round(latency_ms * 1000000), 0)::bigint AS latency_sum_ns,
  round(uptime_pct * 10000)::bigint AS uptime_sum_ppm, round(${LOSS} * 10000)::bigint AS loss_sum_ppm,
  latency_ms AS latency_min_ms, latency_ms AS latency_max_ms, ${LOSS} AS packet_loss_max,
  CASE WHEN latency_ms IS NOT NULL THEN ARRAY[(latency_bin(latency_ms)::bigint << 48) + 1] END AS latency_bins`;

/** By node, target and probe type; or by country, region and tenant, which are far fewer rows. */
export type Level = "series" | "region";

const KEYS: Readonly<Record<Level, string>> = {
  series: "node_id, tenant, country, region, probe_type, target_host",
  region: "country, region, tenant",
};

/** The expression for the node of a level's rows; undefined: they are of all nodes of a tenant together. */
export const NODE_COLUMN: Readonly<Record<Level, string | undefined>> = {
  series: "node_id",
  region: undefined,
};

/**
 * Returns SQL for the additive rows of a range: the buckets of the width that are there, the minutes behind them, and the
 * table's rows of what is not rolled up yet.
 *
 * @param options.width of the roll-up to read
 * @param options.conditions on tenant, country, region, and with the level "series" also node_id, probe_type and target_host
 * @param options.value keeps a value of the statement
 */
export function rollupRows(options: {
  level: Level;
  width: Width;
  from: Date;
  to: Date;
  edges: Edges;
  conditions: readonly string[];
  value: (value: unknown) => string;
}): string {
  const { level, width, from, to, edges, conditions, value } = options;
  const { minuteMs } = edges;
  const edgeMs = edges.edgeOf(width);
  const piece = (columns: string, table: string, time: string, [begin, end]: [number, number]) =>
    begin >= end
      ? []
      : [
          `SELECT ${time} AS bucket, ${KEYS[level]}, ${columns} FROM ${table}
           WHERE ${[
             `${time} >= ${value(new Date(begin))}`,
             `${time} < ${value(new Date(end))}`,
             ...conditions,
           ].join(" AND ")}`,
        ];
  const [fromMs, toMs] = [from.getTime(), to.getTime()];
  const prefix = `metrics_${level}_`;
  const pieces = [
    ...piece(ADDITIVE, `${prefix}${width.name}`, "bucket", [fromMs, Math.min(toMs, edgeMs)]),
    ...piece(ADDITIVE, `${prefix}1m`, "bucket", [
      Math.max(fromMs, edgeMs),
      Math.min(toMs, minuteMs),
    ]),
    ...piece(OF_ROW, "metrics", "time", [Math.max(fromMs, minuteMs), toMs]),
  ];
  return pieces.join("\nUNION ALL\n");
}

/** What can be said about a group of additive rows: SQL over their sums. */
export const STATS = {
  events: "sum(events)::double precision",
  measured: "sum(measured)::double precision",
  availability_pct: "100.0::double precision * sum(measured) / sum(events)",
  latency_avg_ms: "sum(latency_sum_ns) / 1e6::double precision / nullif(sum(measured), 0)",
  latency_min_ms: "min(latency_min_ms)",
  latency_max_ms: "max(latency_max_ms)",
  latency_p50_ms: quantile(0.5),
  latency_p90_ms: quantile(0.9),
  latency_p95_ms: quantile(0.95),
  latency_p99_ms: quantile(0.99),
  uptime_avg_pct: "sum(uptime_sum_ppm) / 1e4::double precision / sum(events)",
  packet_loss_avg: "sum(loss_sum_ppm) / 1e4::double precision / sum(events)",
  packet_loss_max: "max(packet_loss_max)",
  sent: "sum(sent)::double precision",
  lost: "sum(lost)::double precision",
  anomalies: "sum(anomalies)::double precision",
} as const;
export type Stat = keyof typeof STATS;
export const STAT_NAMES = Object.keys(STATS) as [Stat, ...Stat[]];

/** Merged over all buckets and nodes of the group, so that it is right to 2 % over any of them. */
function quantile(share: number): string {
  return `latency_quantile(latency_merge(latency_bins), ${share}, min(latency_min_ms), max(latency_max_ms))`;
}
