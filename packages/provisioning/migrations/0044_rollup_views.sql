-- For people who write SQL, and for the console: names and columns as before, and more behind them.
DO $$
DECLARE
  width record;
  source text;
  relation text;
  shown text := 'events, nodes,
    latency_sum_ns / 1e6 / nullif(measured, 0)::double precision AS latency_avg_ms,
    latency_min_ms,
    latency_max_ms,
    latency_quantile(latency_bins, 0.5, latency_min_ms, latency_max_ms) AS latency_p50_ms,
    latency_quantile(latency_bins, 0.95, latency_min_ms, latency_max_ms) AS latency_p95_ms,
    latency_quantile(latency_bins, 0.99, latency_min_ms, latency_max_ms) AS latency_p99_ms,
    uptime_sum_ppm / 1e4::double precision / events AS uptime_avg_pct,
    loss_sum_ppm / 1e4::double precision / events AS packet_loss_avg,
    packet_loss_max,
    anomalies,
    measured,
    100::double precision * measured / events AS availability_pct,
    sent,
    lost,
    latency_sum_ns,
    uptime_sum_ppm,
    loss_sum_ppm,
    latency_bins';
BEGIN
  FOR width IN
    SELECT * FROM (VALUES
      ('1m', '1 minute'), ('5m', '5 minutes'), ('1h', '1 hour'), ('1d', '1 day')
    ) AS widths (suffix, bucket)
  LOOP
    EXECUTE format(
      'CREATE VIEW metrics_series_%1$s AS
       SELECT bucket, series_id, node_id, tenant, country, region, probe_type, target_host,
              events::bigint AS events, measured::bigint AS measured, anomalies::bigint AS anomalies, sent, lost,
              latency_sum_ns, uptime_sum_ppm, loss_sum_ppm, latency_min_ms, latency_max_ms, packet_loss_max, latency_bins
       FROM rollup_%1$s JOIN rollup_series USING (series_id)', width.suffix);
    EXECUTE format('COMMENT ON VIEW metrics_series_%s IS %L', width.suffix,
      format('Metrics of %s by node, probe type and target, as sums that can be added up', width.bucket));
    source := format(
      '(SELECT bucket, node_id, tenant, country, region,
              sum(events)::bigint AS events, 1::bigint AS nodes, sum(measured)::bigint AS measured,
              sum(anomalies)::bigint AS anomalies, sum(sent)::bigint AS sent, sum(lost)::bigint AS lost,
              sum(latency_sum_ns)::bigint AS latency_sum_ns, sum(uptime_sum_ppm)::bigint AS uptime_sum_ppm,
              sum(loss_sum_ppm)::bigint AS loss_sum_ppm, min(latency_min_ms) AS latency_min_ms,
              max(latency_max_ms) AS latency_max_ms, max(packet_loss_max) AS packet_loss_max,
              latency_merge(latency_bins) AS latency_bins
       FROM metrics_series_%s GROUP BY bucket, node_id, tenant, country, region) AS nodes', width.suffix);
    EXECUTE format('CREATE VIEW metrics_%s AS SELECT bucket, node_id, tenant, country, region, %s FROM %s',
      width.suffix, shown, source);
    EXECUTE format('COMMENT ON VIEW metrics_%s IS %L', width.suffix, format('Metrics of %s by node', width.bucket));
    EXECUTE format('CREATE VIEW metrics_region_%1$s AS SELECT bucket, country, region, tenant, %2$s FROM rollup_region_%1$s',
      width.suffix, replace(shown, ' nodes,', ' nodes::bigint AS nodes,'));
    EXECUTE format('COMMENT ON VIEW metrics_region_%s IS %L', width.suffix,
      format('Metrics of %s by country, region and tenant', width.bucket));
    FOREACH relation IN ARRAY ARRAY['metrics_series_', 'metrics_', 'metrics_region_'] LOOP
      IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
        EXECUTE format('GRANT SELECT ON %I TO fiberstream_reader', relation || width.suffix);
      END IF;
    END LOOP;
  END LOOP;
END
$$;

CREATE VIEW rollup_progress AS
SELECT width_min, count(id) AS marks, coalesce(sum(pairs), 0) AS pairs,
       min(due_at) FILTER (WHERE due_at <= now()) AS due_since,
       coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE due_at <= now())), 0)::double precision AS lag_s
FROM unnest(ARRAY[1, 5, 60, 1440]) AS widths (width_min)
LEFT JOIN rollup_marks USING (width_min)
GROUP BY width_min
ORDER BY width_min;
COMMENT ON VIEW rollup_progress IS 'What waits to be rolled up, by width';
COMMENT ON COLUMN rollup_progress.width_min IS 'Width of the buckets, minutes';
COMMENT ON COLUMN rollup_progress.marks IS 'Rows of rollup_marks';
COMMENT ON COLUMN rollup_progress.pairs IS 'Pairs of node and bucket in them, some more than once';
COMMENT ON COLUMN rollup_progress.due_since IS 'Since when the oldest is due; null when none is';
COMMENT ON COLUMN rollup_progress.lag_s IS 'The same as an age, s; 0 when none is due';

CREATE FUNCTION rollup_is_pending(p_from timestamptz, p_to timestamptz) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM rollup_marks
    WHERE last_minute + width_min > extract(epoch FROM p_from) / 60 AND first_minute < extract(epoch FROM p_to) / 60
  ) OR EXISTS (
    SELECT FROM rollup_unmarked
  ) OR EXISTS (
    SELECT FROM rollup_state WHERE p_from < backfilled_from AND p_to > backfill_to AND backfilled_from > backfill_to
  )
$$;
COMMENT ON FUNCTION rollup_is_pending(timestamptz, timestamptz) IS 'Whether some roll-up of a time range waits to be computed';

DO $$
DECLARE
  permit text;
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_sink') THEN
    FOREACH permit IN ARRAY ARRAY[
      'GRANT EXECUTE ON FUNCTION rollup_mark(text[], timestamptz[]), rollup_refresh(integer, timestamptz, integer),
         rollup_seal_hour(), rollup_backfill_step(integer) TO fiberstream_sink',
      'GRANT SELECT ON rollup_progress, rollup_state TO fiberstream_sink',
      'GRANT SELECT, INSERT ON rollup_marks TO fiberstream_sink'
    ] LOOP
      EXECUTE permit;
    END LOOP;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    GRANT SELECT ON rollup_series, rollup_state, rollup_progress, rollup_marks, rollup_unmarked, rollup_counted,
      rollup_1m, rollup_5m, rollup_1h, rollup_1d, rollup_region_1m, rollup_region_5m, rollup_region_1h, rollup_region_1d
      TO fiberstream_reader;
  END IF;
END
$$;
