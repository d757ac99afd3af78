-- Later minutes are all kept. Without that bound, who read the last hour of all nodes looked up for each minute and node
-- whether it is kept: 164,000 pages for 11,000 nodes.
CREATE OR REPLACE VIEW rollup_minutes_of_rows AS
SELECT region.bucket, series.series_id, series.node_id, series.tenant, series.country, series.region, series.probe_type,
       series.target_host, found.*
FROM rollup_region_1m AS region
JOIN rollup_series AS series ON series.country = region.country AND series.region = region.region AND series.tenant = region.tenant
JOIN rollup_thinned_nodes AS thinned ON thinned.node_id = series.node_id AND region.bucket < thinned.before
CROSS JOIN LATERAL (
  SELECT count(*) AS events, count(latency) AS measured, count(*) FILTER (WHERE is_anomaly) AS anomalies,
         coalesce(sum(packets), 0)::bigint AS sent, coalesce(sum(greatest(packets - answers, 0)), 0)::bigint AS lost,
         coalesce(sum(round(latency * 1e6)::bigint), 0)::bigint AS latency_sum_ns,
         sum(round(uptime * 1e4)::bigint)::bigint AS uptime_sum_ppm, sum(round(loss * 1e4)::bigint)::bigint AS loss_sum_ppm,
         min(latency) AS latency_min_ms, max(latency) AS latency_max_ms, max(loss) AS packet_loss_max,
         CASE count(latency)
           WHEN 0 THEN NULL
           WHEN 1 THEN ARRAY[(latency_bin(min(latency))::bigint << 48) + 1]
           ELSE (SELECT latency_merge(ARRAY[(latency_bin(ms)::bigint << 48) + 1]) FROM unnest(array_agg(latency)) AS ms WHERE ms IS NOT NULL)
         END AS latency_bins
  FROM rollup_events AS event
  WHERE event.node_id = series.node_id AND event.time >= region.bucket AND event.time < region.bucket + interval '1 minute'
    AND event.tenant = series.tenant AND event.country = series.country AND event.region = series.region
    AND event.probe_type = series.probe_type AND event.target_host IS NOT DISTINCT FROM series.target_host
) AS found
WHERE found.events > 0
  AND region.bucket >= (SELECT sealed_before FROM rollup_state)
  AND region.bucket < (SELECT thinned_before FROM rollup_state)
  AND NOT EXISTS (
    SELECT FROM rollup_kept_minutes AS kept
    WHERE kept.series_id = series.series_id AND kept.hour = date_trunc('hour', region.bucket, 'UTC'));
