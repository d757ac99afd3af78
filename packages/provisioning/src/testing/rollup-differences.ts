import { type Sql, type WidthName, WIDTHS } from "./rollup-work.ts";

/** Before this, minutes of sparse series are gone with their rows. */
const SPARSE_BEFORE =
  "(SELECT CASE WHEN sparse_events > 0 THEN sealed_before ELSE '-infinity' END FROM rollup_state)";

/** Returns how many roll-ups by series and by region differ from what the truth's rows say. */
export async function differences(sql: Sql): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const width of Object.keys(WIDTHS) as WidthName[]) {
    for (const [kind, keys, view] of [
      [
        "series",
        "node_id, tenant, country, region, probe_type, target_host",
        `metrics_series_${width}`,
      ],
      ["region", "tenant, country, region", `metrics_region_${width}`],
    ] as const) {
      const [row] = await sql(compare({ keys, view, widthMin: WIDTHS[width] }));
      found[`${kind} ${width}`] = Number(row?.["differences"]);
    }
  }
  return found;
}

function compare({
  keys,
  view,
  widthMin,
}: {
  keys: string;
  view: string;
  widthMin: number;
}): string {
  const isMinute = widthMin === 1;
  const since = !isMinute
    ? "'-infinity'"
    : keys.startsWith("node_id")
      ? SPARSE_BEFORE
      : "(SELECT coalesce(max(before), '-infinity') FROM erased)";
  // What is older than it is kept may have been dropped or not.
  const where = `WHERE bucket >= ${since} AND bucket >= (
    SELECT now() - drop_after FROM data_lifecycle WHERE relation = '${view.replace("series_", "")}')`;
  // A node that gets another event in a minute that is sealed, and not kept, may count twice in its region's minute.
  const shownNodes = keys.startsWith("node_id")
    ? "1::bigint"
    : isMinute
      ? `CASE WHEN bucket >= ${SPARSE_BEFORE} THEN nodes END`
      : "nodes";
  const nodes = keys.startsWith("node_id") ? "1::bigint" : "count(DISTINCT node_id)";
  return `
    WITH event AS (
      SELECT *, CASE WHEN latency_ms IS NULL THEN 100 ELSE packet_loss END AS loss,
             CASE WHEN latency_ms >= 0 AND latency_ms <= 10000 THEN latency_ms END AS latency
      FROM (SELECT time_bucket(${widthMin} * interval '1 minute', time) AS bucket, * FROM truth) AS truth ${where}
    ), bins AS (
      SELECT bucket, ${keys}, latency_bin(latency) AS bin, count(*) AS count
      FROM event WHERE latency IS NOT NULL GROUP BY bucket, ${keys}, bin
    ), distributions AS (
      SELECT bucket, ${keys}, array_agg(bin::text || ':' || count ORDER BY bin) AS bins FROM bins GROUP BY bucket, ${keys}
    ), sums AS (
      SELECT bucket, ${keys}, count(*) AS events, ${nodes} AS nodes, count(latency) AS measured,
             count(*) FILTER (WHERE anomaly_score >= 0.5) AS anomalies,
             coalesce(sum(sent), 0)::bigint AS sent, coalesce(sum(sent - received), 0)::bigint AS lost,
             coalesce(sum(round(latency * 1e6)::bigint), 0)::bigint AS latency_sum_ns,
             sum(round(uptime_pct * 1e4)::bigint)::bigint AS uptime_sum_ppm,
             sum(round(loss * 1e4)::bigint)::bigint AS loss_sum_ppm,
             min(latency) AS latency_min_ms, max(latency) AS latency_max_ms, max(loss) AS packet_loss_max
      FROM event GROUP BY bucket, ${keys}
    ), expected AS (
      SELECT ${keys}, bucket, events, ${shownNodes} AS nodes, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm,
             loss_sum_ppm, latency_min_ms, latency_max_ms, packet_loss_max, (
               SELECT bins FROM distributions WHERE (distributions.bucket, ${prefixed(keys, "distributions")})::text
                 = (sums.bucket, ${prefixed(keys, "sums")})::text
             ) AS bins
      FROM sums
    ), found AS (
      SELECT ${keys}, bucket, events, ${shownNodes} AS nodes, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm,
             loss_sum_ppm, latency_min_ms, latency_max_ms, packet_loss_max, (
               SELECT array_agg((entry >> 48)::text || ':' || (entry & 281474976710655) ORDER BY entry >> 48)
               FROM unnest(latency_bins) AS entry
             ) AS bins
      FROM ${view} ${where}
    )
    SELECT (SELECT count(*) FROM (SELECT * FROM expected EXCEPT SELECT * FROM found) AS missing)
         + (SELECT count(*) FROM (SELECT * FROM found EXCEPT SELECT * FROM expected) AS wrong) AS differences`;
}

const prefixed = (keys: string, table: string) =>
  keys
    .split(", ")
    .map((key) => `${table}.${key}`)
    .join(", ");

export const NO_DIFFERENCES = Object.fromEntries(
  Object.keys(WIDTHS).flatMap((width) => [
    [`series ${width}`, 0],
    [`region ${width}`, 0],
  ]),
);
