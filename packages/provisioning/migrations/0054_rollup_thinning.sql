-- Minutes of a series that sends about one event in each are as many as the events, and took three quarters of the rows' space.
-- They are kept for two hours, in which nearly all late rows come; after that they are answered from the rows, as long as these
-- are there. Minutes of regions, and everything coarser, are kept as before.

ALTER TABLE rollup_state
  ADD COLUMN thinned_before timestamptz NOT NULL DEFAULT '-infinity',
  ADD COLUMN thin_after interval NOT NULL DEFAULT '2 hours';
COMMENT ON COLUMN rollup_state.thinned_before IS 'Before this, minutes are kept only of the series and hours of rollup_kept_minutes';
COMMENT ON COLUMN rollup_state.thin_after IS 'How long all minutes are kept';
COMMENT ON COLUMN rollup_state.sparse_events IS 'Roll-ups of a minute would be as many as the events of a series that has at most so many in an hour: they are answered from its rows';

CREATE TABLE rollup_kept_minutes (
  hour timestamptz NOT NULL,
  series_id bigint NOT NULL,
  PRIMARY KEY (series_id, hour)
);
CREATE INDEX rollup_kept_minutes_hour ON rollup_kept_minutes USING brin (hour);
COMMENT ON TABLE rollup_kept_minutes IS 'Series and hours before rollup_state.thinned_before that have so many events that their minutes are kept';
COMMENT ON COLUMN rollup_kept_minutes.hour IS 'Start of the hour';
COMMENT ON COLUMN rollup_kept_minutes.series_id IS 'Of rollup_series';

-- Hours that are sealed were thinned by that.
INSERT INTO rollup_kept_minutes (series_id, hour)
SELECT series_id, bucket FROM rollup_1h, rollup_state WHERE bucket < sealed_before AND events > sparse_events;
UPDATE rollup_state SET thinned_before = sealed_before;

-- Who reads minutes of a node whose minutes are all kept has to read no rows.
CREATE TABLE rollup_thinned_nodes (
  node_id varchar(50) PRIMARY KEY,
  before timestamptz NOT NULL
) WITH (fillfactor = 80);
COMMENT ON TABLE rollup_thinned_nodes IS 'Nodes some of whose minutes are answered from rows';
COMMENT ON COLUMN rollup_thinned_nodes.node_id IS 'The probe';
COMMENT ON COLUMN rollup_thinned_nodes.before IS 'End of the latest hour of which that is so';

-- What is 0 for most nodes is null, which takes no space.
DO $$
DECLARE
  suffix text;
  kind text;
BEGIN
  FOREACH suffix IN ARRAY ARRAY['1m', '5m', '1h', '1d'] LOOP
    FOREACH kind IN ARRAY ARRAY['', 'region_'] LOOP
      EXECUTE format(
        'ALTER TABLE rollup_%s%s ALTER COLUMN sent DROP NOT NULL, ALTER COLUMN lost DROP NOT NULL,
           ALTER COLUMN loss_sum_ppm DROP NOT NULL, ALTER COLUMN packet_loss_max DROP NOT NULL,
           ALTER COLUMN anomalies DROP NOT NULL', kind, suffix);
    END LOOP;
  END LOOP;
END
$$;

-- What roll-ups count of a row: limited to what the gateway accepts, because others can write rows, too.
CREATE VIEW rollup_events AS
SELECT time, event_id, node_id, tenant, country, region, probe_type, target_host,
       coalesce(anomaly_score >= 0.5, false) AS is_anomaly,
       CASE WHEN latency_ms BETWEEN 0 AND 10000 THEN latency_ms END AS latency,
       least(greatest(uptime_pct, 0), 100) AS uptime,
       CASE WHEN latency_ms IS NULL THEN 100 ELSE least(greatest(packet_loss, 0), 100) END AS loss,
       CASE WHEN sent >= 0 AND received >= 0 THEN least(sent, 1000000) END AS packets,
       least(received, 1000000) AS answers
FROM metrics;
COMMENT ON VIEW rollup_events IS 'What roll-ups count of the rows of metrics';
COMMENT ON COLUMN rollup_events.latency IS 'latency_ms; null outside of 0 to 10,000 ms';
COMMENT ON COLUMN rollup_events.loss IS 'packet_loss; 100 without latency';
COMMENT ON COLUMN rollup_events.packets IS 'Packets sent, if the event said how many were sent and received';
COMMENT ON COLUMN rollup_events.answers IS 'Packets received';

-- Minutes that are not kept, computed from the rows. The minutes of regions say which there are, so that a condition on bucket
-- is one on a column, with any value, and not on a function of the rows' time, for which all rows would be read.
CREATE VIEW rollup_minutes_of_rows AS
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
  AND NOT EXISTS (
    SELECT FROM rollup_kept_minutes AS kept
    WHERE kept.series_id = series.series_id AND kept.hour = date_trunc('hour', region.bucket, 'UTC'));
COMMENT ON VIEW rollup_minutes_of_rows IS 'Roll-ups of minutes that are not kept, as metrics_series_1m shows them';

-- The views of before, with these minutes, and with 0 for what is not stored.
DO $$
DECLARE
  suffix text;
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
  FOREACH suffix IN ARRAY ARRAY['1m', '5m', '1h', '1d'] LOOP
    EXECUTE format(
      'CREATE OR REPLACE VIEW metrics_series_%1$s AS
       SELECT bucket, series_id, node_id, tenant, country, region, probe_type, target_host,
              events::bigint AS events, measured::bigint AS measured, coalesce(anomalies, 0)::bigint AS anomalies,
              coalesce(sent, 0) AS sent, coalesce(lost, 0) AS lost, latency_sum_ns, uptime_sum_ppm,
              coalesce(loss_sum_ppm, 0) AS loss_sum_ppm, latency_min_ms, latency_max_ms,
              coalesce(packet_loss_max, 0) AS packet_loss_max, latency_bins
       FROM rollup_%1$s JOIN rollup_series USING (series_id) %2$s', suffix,
      CASE suffix WHEN '1m' THEN
        'UNION ALL
         SELECT bucket, series_id, node_id, tenant, country, region, probe_type, target_host, events, measured, anomalies, sent, lost,
                latency_sum_ns, uptime_sum_ppm, loss_sum_ppm, latency_min_ms, latency_max_ms, packet_loss_max, latency_bins
         FROM rollup_minutes_of_rows'
      ELSE '' END);
    EXECUTE format(
      'CREATE OR REPLACE VIEW metrics_region_%1$s AS SELECT bucket, country, region, tenant, %2$s
       FROM (SELECT bucket, country, region, tenant, events, nodes::bigint AS nodes, measured, latency_sum_ns, uptime_sum_ppm,
                    latency_min_ms, latency_max_ms, latency_bins, coalesce(anomalies, 0) AS anomalies, coalesce(sent, 0) AS sent,
                    coalesce(lost, 0) AS lost, coalesce(loss_sum_ppm, 0) AS loss_sum_ppm,
                    coalesce(packet_loss_max, 0) AS packet_loss_max
             FROM rollup_region_%1$s) AS stored', suffix, shown);
  END LOOP;
END
$$;

-- Leaves out minutes of the next hour that is old enough, in steps of 10 minutes if it has many. The first step decides which
-- series are kept.
CREATE FUNCTION rollup_thin() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_state rollup_state;
  v_chunk record;
  v_from timestamptz;
  v_end timestamptz;
  v_hour timestamptz;
  v_is_left boolean;
BEGIN
  IF NOT pg_try_advisory_xact_lock(4130772518) THEN RETURN false; END IF;
  SELECT * INTO v_state FROM rollup_state;
  IF v_state.backfilled_from > v_state.backfill_to OR EXISTS (SELECT FROM rollup_unmarked) THEN RETURN false; END IF;
  SELECT range_start, range_end INTO v_chunk
  FROM timescaledb_information.chunks
  WHERE hypertable_schema = 'public' AND hypertable_name = 'rollup_1m' AND range_end > v_state.thinned_before
  ORDER BY range_start LIMIT 1;
  IF v_chunk.range_start IS NULL THEN RETURN false; END IF;
  v_from := greatest(v_state.thinned_before, v_chunk.range_start);
  v_hour := date_trunc('hour', v_from, 'UTC');
  IF v_hour + interval '1 hour' > now() - v_state.thin_after THEN RETURN false; END IF;
  v_end := CASE
    WHEN (SELECT count(*) FROM rollup_1h WHERE bucket = v_hour) > 5000 THEN v_from + interval '10 minutes'
    ELSE v_hour + interval '1 hour'
  END;
  IF EXISTS (
    SELECT FROM rollup_marks
    WHERE width_min IN (1, 5, 60) AND first_minute < extract(epoch FROM v_hour) / 60 + 60
      AND last_minute + width_min > extract(epoch FROM v_hour) / 60
  ) THEN
    RETURN false;
  END IF;

  IF v_from = v_hour THEN
    INSERT INTO rollup_kept_minutes (series_id, hour)
    SELECT series_id, v_hour FROM rollup_1h WHERE bucket = v_hour AND events > v_state.sparse_events
    ON CONFLICT DO NOTHING;
  END IF;
  INSERT INTO rollup_thinned_nodes AS stored (node_id, before)
  SELECT DISTINCT node_id, v_end
  FROM rollup_1h AS hourly JOIN rollup_series USING (series_id)
  WHERE hourly.bucket = v_hour
    AND NOT EXISTS (SELECT FROM rollup_kept_minutes AS kept WHERE kept.series_id = hourly.series_id AND kept.hour = v_hour)
  ON CONFLICT (node_id) DO UPDATE SET before = excluded.before WHERE stored.before < excluded.before;
  DELETE FROM rollup_1m AS minutely
  WHERE bucket >= v_from AND bucket < v_end
    AND NOT EXISTS (SELECT FROM rollup_kept_minutes AS kept WHERE kept.series_id = minutely.series_id AND kept.hour = v_hour);
  UPDATE rollup_state SET thinned_before = v_end;

  IF v_end = v_chunk.range_end THEN
    EXECUTE format(
      'SELECT EXISTS (SELECT FROM rollup_1m WHERE bucket >= %L AND bucket < %L)', v_chunk.range_start, v_chunk.range_end)
    INTO v_is_left;
    IF NOT v_is_left THEN
      BEGIN
        PERFORM drop_chunks('rollup_1m', older_than => v_chunk.range_end, newer_than => v_chunk.range_start);
      EXCEPTION
        -- A reader had it: it stays, empty, until retention drops it.
        WHEN lock_not_available THEN NULL;
      END;
    END IF;
  END IF;
  RETURN true;
END
$$;
COMMENT ON FUNCTION rollup_thin() IS 'Leaves out minutes that are answered from rows, of at most an hour; returns whether there was one';
REVOKE ALL ON FUNCTION rollup_thin() FROM PUBLIC;

-- Computes minutes again that are before thinned_before. Without the minutes of each node there is no difference that could be
-- added to a region: its minute is computed from the rows of all its nodes.
CREATE FUNCTION rollup_apply_thinned(p_nodes text[], p_buckets timestamptz[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET jit = off
SET enable_seqscan = off
SET enable_mergejoin = off
SET enable_hashjoin = off
AS $$
DECLARE
  v_changed integer := 0;
  v_regions integer;
  v_nodes text[];
  v_buckets timestamptz[];
  v_from timestamptz := (SELECT min(bucket) FROM unnest(p_buckets) AS bucket);
  v_to timestamptz := (SELECT max(bucket) + interval '1 minute' FROM unnest(p_buckets) AS bucket);
BEGIN
  INSERT INTO rollup_series (series_id, node_id, tenant, country, region, probe_type, target_host)
  SELECT DISTINCT rollup_series_id(event.node_id, tenant, country, region, probe_type, target_host), event.node_id, tenant, country,
         region, probe_type, target_host
  FROM unnest(p_nodes, p_buckets) AS pair (node_id, bucket)
  CROSS JOIN LATERAL (
    SELECT DISTINCT node_id, tenant, country, region, probe_type, target_host
    FROM rollup_events
    WHERE rollup_events.node_id = pair.node_id AND time >= bucket AND time < bucket + interval '1 minute'
      AND time >= v_from AND time < v_to
  ) AS event
  ON CONFLICT DO NOTHING;

  SELECT array_agg(node_id), array_agg(bucket) INTO v_nodes, v_buckets
  FROM unnest(p_nodes, p_buckets) AS pair (node_id, bucket)
  WHERE EXISTS (
    SELECT FROM rollup_series AS series JOIN rollup_kept_minutes AS kept USING (series_id)
    WHERE series.node_id = pair.node_id AND kept.hour = date_trunc('hour', bucket, 'UTC')
  );
  IF v_nodes IS NOT NULL THEN v_changed := rollup_apply(1, v_nodes, v_buckets, 'kept'); END IF;

  SELECT array_agg(node_id), array_agg(bucket) INTO v_nodes, v_buckets
  FROM unnest(p_nodes, p_buckets) AS pair (node_id, bucket)
  WHERE EXISTS (
    SELECT FROM rollup_series AS series
    WHERE series.node_id = pair.node_id AND NOT EXISTS (
      SELECT FROM rollup_kept_minutes AS kept
      WHERE kept.series_id = series.series_id AND kept.hour = date_trunc('hour', bucket, 'UTC')
    )
  );
  IF v_nodes IS NULL THEN RETURN v_changed; END IF;

  INSERT INTO rollup_thinned_nodes AS stored (node_id, before)
  SELECT node_id, least(date_trunc('hour', max(bucket), 'UTC') + interval '1 hour', (SELECT thinned_before FROM rollup_state))
  FROM unnest(v_nodes, v_buckets) AS pair (node_id, bucket) GROUP BY node_id
  ON CONFLICT (node_id) DO UPDATE SET before = excluded.before WHERE stored.before < excluded.before;

  INSERT INTO rollup_marks (width_min, due_at, pairs, first_minute, last_minute, nodes, minutes)
  SELECT 5, now(), count(*), min(minute), max(minute), array_agg(node_id), array_agg(minute)
  FROM (
    SELECT DISTINCT node_id, (floor(extract(epoch FROM bucket) / 300) * 5)::integer AS minute
    FROM unnest(v_nodes, v_buckets) AS pair (node_id, bucket)
  ) AS pairs;

  WITH place AS MATERIALIZED (
    SELECT row_number() OVER () AS place, places.*
    FROM (
      SELECT DISTINCT country, region, tenant, bucket
      FROM unnest(v_nodes, v_buckets) AS pair (node_id, bucket) JOIN rollup_series AS series USING (node_id)
    ) AS places
  ), event AS MATERIALIZED (
    SELECT place, event.*
    FROM place
    CROSS JOIN LATERAL (
      SELECT DISTINCT node_id FROM rollup_series AS series
      WHERE series.country = place.country AND series.region = place.region AND series.tenant = place.tenant
    ) AS node
    CROSS JOIN LATERAL (
      SELECT rollup_events.node_id, latency, uptime, loss, packets, answers, is_anomaly
      FROM rollup_events
      WHERE rollup_events.node_id = node.node_id AND time >= place.bucket AND time < place.bucket + interval '1 minute'
        AND time >= v_from AND time < v_to
        AND rollup_events.country = place.country AND rollup_events.region = place.region AND rollup_events.tenant = place.tenant
      OFFSET 0
    ) AS event
  ), fresh AS MATERIALIZED (
    SELECT place, count(DISTINCT node_id)::integer AS nodes, count(*) AS events, count(latency) AS measured,
           nullif(count(*) FILTER (WHERE is_anomaly), 0) AS anomalies,
           nullif(sum(packets), 0)::bigint AS sent, nullif(sum(greatest(packets - answers, 0)), 0)::bigint AS lost,
           coalesce(sum(round(latency * 1e6)::bigint), 0)::bigint AS latency_sum_ns,
           sum(round(uptime * 1e4)::bigint)::bigint AS uptime_sum_ppm,
           nullif(sum(round(loss * 1e4)::bigint), 0)::bigint AS loss_sum_ppm,
           min(latency) AS latency_min_ms, max(latency) AS latency_max_ms, nullif(max(loss), 0) AS packet_loss_max,
           latency_merge(ARRAY[(latency_bin(latency)::bigint << 48) + 1]) FILTER (WHERE latency IS NOT NULL) AS latency_bins
    FROM event GROUP BY place
  ), removed AS (
    DELETE FROM rollup_region_1m AS stored USING place
    WHERE stored.country = place.country AND stored.region = place.region AND stored.tenant = place.tenant
      AND stored.bucket = place.bucket AND stored.bucket >= v_from AND stored.bucket < v_to
      AND NOT EXISTS (SELECT FROM fresh WHERE fresh.place = place.place)
    RETURNING 1
  ), stored AS (
    INSERT INTO rollup_region_1m AS stored (
      country, region, tenant, bucket, nodes, events, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm,
      loss_sum_ppm, latency_min_ms, latency_max_ms, packet_loss_max, latency_bins
    )
    SELECT country, region, tenant, bucket, nodes, events, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm,
           loss_sum_ppm, latency_min_ms, latency_max_ms, packet_loss_max, latency_bins
    FROM fresh JOIN place USING (place)
    ORDER BY bucket, country, region, tenant
    ON CONFLICT (country, region, tenant, bucket) DO UPDATE SET
      nodes = excluded.nodes, events = excluded.events, measured = excluded.measured, anomalies = excluded.anomalies,
      sent = excluded.sent, lost = excluded.lost, latency_sum_ns = excluded.latency_sum_ns,
      uptime_sum_ppm = excluded.uptime_sum_ppm, loss_sum_ppm = excluded.loss_sum_ppm,
      latency_min_ms = excluded.latency_min_ms, latency_max_ms = excluded.latency_max_ms,
      packet_loss_max = excluded.packet_loss_max, latency_bins = excluded.latency_bins
    RETURNING 1
  )
  SELECT (SELECT count(*) FROM removed) + (SELECT count(*) FROM stored) INTO v_regions;
  RETURN v_changed + v_regions;
END
$$;
COMMENT ON FUNCTION rollup_apply_thinned(text[], timestamptz[]) IS 'A step of rollup_refresh: minutes that are not kept by series; returns how many roll-ups it wrote';
REVOKE ALL ON FUNCTION rollup_apply_thinned(text[], timestamptz[]) FROM PUBLIC;
