-- What is kept how long, as before, and: minutes of few events are left out after two hours (rollup_thin) and not when the rows
-- are dropped; TRUNCATE of metrics is noticed; series of which nothing is left are removed.

-- Adds events of minutes that are sealed, which cannot be computed again: those that rollup_counted does not have. They are
-- added to all widths that are still kept at their time.
CREATE OR REPLACE FUNCTION rollup_add_late(p_nodes text[], p_buckets timestamptz[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $rollup$
DECLARE
  width record;
  v_added integer;
BEGIN
  CREATE TEMP TABLE IF NOT EXISTS rollup_late ON COMMIT DELETE ROWS AS
  SELECT rollup_series_id(node_id, tenant, country, region, probe_type, target_host) AS series_id, node_id, tenant, country,
         region, probe_type, target_host, time, anomaly_score >= 0.5 AS is_anomaly, latency_ms AS latency, uptime_pct AS uptime,
         packet_loss AS loss, 0::bigint AS packets, 0::bigint AS answers, 0::bigint AS event_key, false AS is_sparse
  FROM metrics WITH NO DATA;
  DELETE FROM pg_temp.rollup_late;
  INSERT INTO pg_temp.rollup_late
  SELECT rollup_series_id(event.node_id, tenant, country, region, probe_type, target_host), event.node_id, tenant, country,
         region, probe_type, target_host, time, is_anomaly, latency, uptime, loss, packets, answers, rollup_event_key(event_id), false
  FROM unnest(p_nodes, p_buckets) AS pair (node_id, bucket)
  JOIN rollup_events AS event ON event.node_id = pair.node_id AND time >= bucket AND time < bucket + interval '1 minute'
  WHERE NOT EXISTS (
    SELECT FROM rollup_counted AS counted
    WHERE counted.node_id = pair.node_id AND counted.hour = date_trunc('hour', bucket, 'UTC')
      AND rollup_event_key(event_id) = ANY (counted.ids)
  );
  GET DIAGNOSTICS v_added = ROW_COUNT;
  IF v_added = 0 THEN RETURN 0; END IF;

  -- Series whose minutes of the hour are not kept: one alone would be wrong. Those of a series that is new in the hour are kept if
  -- it has enough events.
  INSERT INTO rollup_kept_minutes (series_id, hour)
  SELECT series_id, date_trunc('hour', time, 'UTC') AS hour
  FROM pg_temp.rollup_late AS late
  WHERE NOT EXISTS (
    SELECT FROM rollup_1h AS hourly
    WHERE hourly.series_id = late.series_id AND hourly.bucket = date_trunc('hour', late.time, 'UTC')
  )
  GROUP BY series_id, hour HAVING count(*) > (SELECT sparse_events FROM rollup_state)
  ON CONFLICT DO NOTHING;
  UPDATE pg_temp.rollup_late AS late SET is_sparse = true
  WHERE NOT EXISTS (
    SELECT FROM rollup_kept_minutes AS kept
    WHERE kept.series_id = late.series_id AND kept.hour = date_trunc('hour', late.time, 'UTC')
  );

  INSERT INTO rollup_counted (node_id, hour, ids)
  SELECT node_id, date_trunc('hour', time, 'UTC') AS hour, array_agg(event_key)
  FROM pg_temp.rollup_late GROUP BY node_id, hour
  ON CONFLICT (node_id, hour) DO UPDATE SET ids = rollup_counted.ids || excluded.ids, counted_at = now();

  INSERT INTO rollup_series (series_id, node_id, tenant, country, region, probe_type, target_host)
  SELECT DISTINCT series_id, node_id, tenant, country, region, probe_type, target_host FROM pg_temp.rollup_late
  ON CONFLICT DO NOTHING;

  FOR width IN
    SELECT suffix, bucket, drop_after
    FROM (VALUES ('1m', interval '1 minute'), ('5m', '5 minutes'), ('1h', '1 hour'), ('1d', '1 day')) AS widths (suffix, bucket)
    LEFT JOIN data_lifecycle ON relation = 'metrics_' || suffix
  LOOP
    -- First the regions: the nodes of theirs are counted by the buckets that nodes have so far.
    EXECUTE replace($sql$
      INSERT INTO rollup_region_@suffix@ AS stored (
        country, region, tenant, bucket, nodes, events, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm,
        loss_sum_ppm, latency_min_ms, latency_max_ms, packet_loss_max, latency_bins
      )
      SELECT country, region, tenant, bucket,
             count(DISTINCT node_id) FILTER (WHERE NOT EXISTS (
               SELECT FROM rollup_series AS series
               JOIN rollup_@suffix@ AS rollup ON rollup.series_id = series.series_id AND rollup.bucket = late.bucket
               WHERE series.node_id = late.node_id AND series.country = late.country AND series.region = late.region
                 AND series.tenant = late.tenant)),
             count(*), count(latency), nullif(count(*) FILTER (WHERE is_anomaly), 0),
             nullif(sum(packets), 0), nullif(sum(greatest(packets - answers, 0)), 0),
             coalesce(sum(round(latency * 1e6)::bigint), 0), coalesce(sum(round(uptime * 1e4)::bigint), 0),
             nullif(sum(round(loss * 1e4)::bigint), 0), min(latency), max(latency), nullif(max(loss), 0),
             latency_merge(CASE WHEN latency IS NOT NULL THEN ARRAY[(latency_bin(latency)::bigint << 48) + 1] END)
      FROM (SELECT *, time_bucket($1, time) AS bucket FROM pg_temp.rollup_late) AS late
      WHERE $2 IS NULL OR bucket >= now() - $2
      GROUP BY country, region, tenant, bucket
      ON CONFLICT (country, region, tenant, bucket) DO UPDATE SET
        nodes = stored.nodes + excluded.nodes, events = stored.events + excluded.events,
        measured = stored.measured + excluded.measured, anomalies = nullif(coalesce(stored.anomalies, 0) + coalesce(excluded.anomalies, 0), 0),
        sent = nullif(coalesce(stored.sent, 0) + coalesce(excluded.sent, 0), 0), lost = nullif(coalesce(stored.lost, 0) + coalesce(excluded.lost, 0), 0),
        latency_sum_ns = stored.latency_sum_ns + excluded.latency_sum_ns,
        uptime_sum_ppm = stored.uptime_sum_ppm + excluded.uptime_sum_ppm,
        loss_sum_ppm = nullif(coalesce(stored.loss_sum_ppm, 0) + coalesce(excluded.loss_sum_ppm, 0), 0),
        latency_min_ms = least(stored.latency_min_ms, excluded.latency_min_ms),
        latency_max_ms = greatest(stored.latency_max_ms, excluded.latency_max_ms),
        packet_loss_max = greatest(stored.packet_loss_max, excluded.packet_loss_max),
        latency_bins = (SELECT latency_merge(bins) FROM (VALUES (stored.latency_bins), (excluded.latency_bins)) AS both_of (bins))
    $sql$, '@suffix@', width.suffix) USING width.bucket, width.drop_after;
    EXECUTE replace($sql$
      INSERT INTO rollup_@suffix@ AS stored (
        series_id, bucket, events, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm, loss_sum_ppm,
        latency_min_ms, latency_max_ms, packet_loss_max, latency_bins
      )
      SELECT series_id, bucket, count(*), count(latency), nullif(count(*) FILTER (WHERE is_anomaly), 0),
             nullif(sum(packets), 0), nullif(sum(greatest(packets - answers, 0)), 0),
             coalesce(sum(round(latency * 1e6)::bigint), 0), coalesce(sum(round(uptime * 1e4)::bigint), 0),
             nullif(sum(round(loss * 1e4)::bigint), 0), min(latency), max(latency), nullif(max(loss), 0),
             latency_merge(CASE WHEN latency IS NOT NULL THEN ARRAY[(latency_bin(latency)::bigint << 48) + 1] END)
      FROM (SELECT *, time_bucket($1, time) AS bucket FROM pg_temp.rollup_late) AS late
      WHERE ($2 IS NULL OR bucket >= now() - $2) AND NOT ('@suffix@' = '1m' AND is_sparse)
      GROUP BY series_id, bucket
      ON CONFLICT (series_id, bucket) DO UPDATE SET
        events = stored.events + excluded.events, measured = stored.measured + excluded.measured,
        anomalies = nullif(coalesce(stored.anomalies, 0) + coalesce(excluded.anomalies, 0), 0), sent = nullif(coalesce(stored.sent, 0) + coalesce(excluded.sent, 0), 0),
        lost = nullif(coalesce(stored.lost, 0) + coalesce(excluded.lost, 0), 0), latency_sum_ns = stored.latency_sum_ns + excluded.latency_sum_ns,
        uptime_sum_ppm = stored.uptime_sum_ppm + excluded.uptime_sum_ppm,
        loss_sum_ppm = nullif(coalesce(stored.loss_sum_ppm, 0) + coalesce(excluded.loss_sum_ppm, 0), 0),
        latency_min_ms = least(stored.latency_min_ms, excluded.latency_min_ms),
        latency_max_ms = greatest(stored.latency_max_ms, excluded.latency_max_ms),
        packet_loss_max = greatest(stored.packet_loss_max, excluded.packet_loss_max),
        latency_bins = (SELECT latency_merge(bins) FROM (VALUES (stored.latency_bins), (excluded.latency_bins)) AS both_of (bins))
    $sql$, '@suffix@', width.suffix) USING width.bucket, width.drop_after;
  END LOOP;
  RETURN v_added;
END
$rollup$;

-- Seals the next hour of rows that are to be dropped: remembers which events the roll-ups have counted. A row that is
-- committed while this runs is either among them and its mark is seen below, or it is added later. Before that, minutes are left out
-- (rollup_thin), and those of series are kept that got enough events only after that.
CREATE OR REPLACE FUNCTION rollup_seal_hour() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  v_keep interval := (SELECT drop_after FROM data_lifecycle WHERE relation = 'metrics');
  v_state rollup_state;
  v_hour timestamptz;
  v_end timestamptz;
BEGIN
  IF rollup_thin() THEN RETURN true; END IF;
  IF v_keep IS NULL OR NOT pg_try_advisory_xact_lock(4130772518) THEN RETURN false; END IF;
  SELECT * INTO v_state FROM rollup_state;
  -- Only while all rows that were there before the roll-ups are in them.
  IF v_state.backfilled_from > v_state.backfill_to OR EXISTS (SELECT FROM rollup_unmarked) THEN RETURN false; END IF;
  SELECT min(range_start) INTO v_hour
  FROM timescaledb_information.chunks
  WHERE hypertable_schema = 'public' AND hypertable_name = 'metrics'
    AND range_end <= now() - v_keep AND range_end > v_state.sealed_before;
  IF v_hour IS NULL THEN RETURN false; END IF;
  v_hour := date_trunc('hour', greatest(v_state.sealed_before, v_hour), 'UTC');
  v_end := v_hour + interval '1 hour';
  IF v_end > now() - v_keep
    OR v_end > v_state.thinned_before
      AND EXISTS (SELECT FROM rollup_1m WHERE bucket >= greatest(v_state.thinned_before, v_hour) AND bucket < v_end)
  THEN
    RETURN false;
  END IF;

  INSERT INTO rollup_counted (node_id, hour, ids)
  SELECT node_id, v_hour, array_agg(rollup_event_key(event_id))
  FROM metrics WHERE time >= greatest(v_hour, v_state.sealed_before) AND time < v_end
  GROUP BY node_id
  ON CONFLICT (node_id, hour) DO UPDATE SET ids = rollup_counted.ids || excluded.ids, counted_at = now();
  WITH kept AS (
    INSERT INTO rollup_kept_minutes (series_id, hour)
    SELECT series_id, v_hour FROM rollup_1h WHERE bucket = v_hour AND events > v_state.sparse_events
    ON CONFLICT DO NOTHING
    RETURNING series_id
  )
  INSERT INTO rollup_1m (
    series_id, bucket, events, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm, loss_sum_ppm,
    latency_min_ms, latency_max_ms, packet_loss_max, latency_bins
  )
  SELECT series_id, bucket, events, measured, nullif(anomalies, 0), nullif(sent, 0), nullif(lost, 0), latency_sum_ns, uptime_sum_ppm,
         nullif(loss_sum_ppm, 0), latency_min_ms, latency_max_ms, nullif(packet_loss_max, 0), latency_bins
  FROM rollup_minutes_of_rows JOIN kept USING (series_id)
  WHERE bucket >= v_hour AND bucket < v_end;
  IF EXISTS (
    SELECT FROM rollup_marks
    WHERE width_min IN (1, 5, 60) AND first_minute < extract(epoch FROM v_end) / 60
      AND last_minute + width_min > extract(epoch FROM v_hour) / 60
  ) OR EXISTS (SELECT FROM rollup_unmarked) THEN
    -- Rolls back what was remembered and left out.
    RAISE EXCEPTION 'rows of % wait to be counted', v_hour USING ERRCODE = 'object_in_use';
  END IF;
  UPDATE rollup_state SET sealed_before = v_end, thinned_before = greatest(thinned_before, v_end);
  RETURN true;
EXCEPTION
  WHEN object_in_use THEN RETURN false;
END
$$;

-- Removes series, and what belongs to them, of which there are no roll-ups left and none to compute. Days are kept longest.
CREATE FUNCTION rollup_forget_series() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET jit = off
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
BEGIN
  -- One look at an index for most series: they have a day.
  DELETE FROM rollup_series AS series
  WHERE CASE
    WHEN EXISTS (SELECT FROM rollup_1d AS stored WHERE stored.series_id = series.series_id) THEN false
    WHEN EXISTS (SELECT FROM rollup_1h AS stored WHERE stored.series_id = series.series_id) THEN false
    WHEN EXISTS (SELECT FROM rollup_5m AS stored WHERE stored.series_id = series.series_id) THEN false
    WHEN EXISTS (SELECT FROM rollup_1m AS stored WHERE stored.series_id = series.series_id) THEN false
    ELSE NOT EXISTS (SELECT FROM rollup_marks WHERE series.node_id = ANY (nodes))
  END;
  DELETE FROM rollup_thinned_nodes AS thinned
  WHERE NOT EXISTS (SELECT FROM rollup_series AS series WHERE series.node_id = thinned.node_id);
  DELETE FROM rollup_kept_minutes AS kept
  WHERE NOT EXISTS (SELECT FROM rollup_series AS series WHERE series.series_id = kept.series_id);
END
$$;
COMMENT ON FUNCTION rollup_forget_series() IS 'Removes series of which there are no roll-ups left';
REVOKE ALL ON FUNCTION rollup_forget_series() FROM PUBLIC;

-- With both editions. Rows are dropped when the roll-ups have counted them, roll-ups when no mark waits for them.
CREATE OR REPLACE FUNCTION drop_old_chunks() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  kept record;
  v_before timestamptz;
  v_chunks integer;
  v_dropped integer := 0;
  v_days integer := 0;
BEGIN
  IF NOT pg_try_advisory_xact_lock(4130772518) THEN RETURN 0; END IF;
  FOR kept IN
    SELECT hypertable, drop_after, widths
    FROM data_lifecycle
    JOIN (VALUES
      ('metrics', 'metrics', '{1}'::integer[]),
      ('metrics_1m', 'rollup_1m', '{1,5}'), ('metrics_region_1m', 'rollup_region_1m', '{1,5}'),
      ('metrics_5m', 'rollup_5m', '{1,5,60}'), ('metrics_region_5m', 'rollup_region_5m', '{1,5,60}'),
      ('metrics_1h', 'rollup_1h', '{1,5,60,1440}'), ('metrics_region_1h', 'rollup_region_1h', '{1,5,60,1440}'),
      ('metrics_1d', 'rollup_1d', '{1,5,60,1440}'), ('metrics_region_1d', 'rollup_region_1d', '{1,5,60,1440}')
    ) AS hypertables (relation, hypertable, widths) USING (relation)
  LOOP
    -- What is not sealed may be computed anew, from the rows or the finer roll-up, which have to be whole then.
    v_before := least(now() - kept.drop_after, (SELECT sealed_before FROM rollup_state));
    CONTINUE WHEN v_before = '-infinity';
    BEGIN
      SELECT count(*) INTO v_chunks FROM drop_chunks(kept.hypertable::regclass, older_than => v_before);
      -- After the chunks' locks were taken: a writer of before has left its mark, one of later makes a new chunk.
      IF v_chunks > 0 AND EXISTS (
        SELECT FROM rollup_marks WHERE width_min = ANY (kept.widths) AND first_minute < extract(epoch FROM v_before) / 60
        UNION ALL SELECT FROM rollup_unmarked
        UNION ALL SELECT FROM rollup_state WHERE backfill_to < least(backfilled_from, v_before)
      ) THEN
        RAISE EXCEPTION 'marks wait for chunks of %', kept.hypertable USING ERRCODE = 'object_in_use';
      END IF;
      v_dropped := v_dropped + v_chunks;
      IF kept.hypertable = 'rollup_1d' THEN v_days := v_chunks; END IF;
    EXCEPTION
      WHEN object_in_use THEN NULL;
    END;
  END LOOP;
  DELETE FROM rollup_counted
  -- A rewind may bring an event again for as long as Kafka keeps records: 30 days and a segment of 7, and events of 7 days before.
  WHERE counted_at < now() - greatest(
    interval '45 days', (SELECT drop_after FROM data_lifecycle WHERE relation = 'metrics_1m'));
  DELETE FROM rollup_kept_minutes
  WHERE hour < now() - (SELECT drop_after FROM data_lifecycle WHERE relation = 'metrics_1m') - interval '1 day';
  IF v_days > 0 THEN PERFORM rollup_forget_series(); END IF;
  RETURN v_dropped;
END
$$;

-- After TRUNCATE of metrics: the roll-ups that are computed from rows are removed, and rows of later computed anew.
ALTER TABLE rollup_unmarked ADD COLUMN is_truncated boolean NOT NULL DEFAULT false;
COMMENT ON TABLE rollup_unmarked IS 'Statements that inserted into metrics and did not mark what, or truncated it';
COMMENT ON COLUMN rollup_unmarked.is_truncated IS 'Whether it was TRUNCATE';

CREATE FUNCTION rollup_note_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
  INSERT INTO rollup_unmarked (is_truncated) VALUES (true);
  RETURN NULL;
END
$$;
CREATE TRIGGER rollup_note_truncate AFTER TRUNCATE ON metrics
  FOR EACH STATEMENT EXECUTE FUNCTION rollup_note_truncate();

CREATE FUNCTION rollup_remove_unsealed() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_sealed timestamptz := (SELECT sealed_before FROM rollup_state);
  v_day timestamptz := CASE WHEN isfinite(v_sealed) THEN date_trunc('day', v_sealed, 'UTC') END;
  width record;
BEGIN
  FOR width IN
    SELECT format('rollup_%s%s', kind, suffix) AS relation, suffix = '1d' AS is_day
    FROM unnest(ARRAY['1m', '5m', '1h', '1d']) AS suffix CROSS JOIN unnest(ARRAY['', 'region_']) AS kind
  LOOP
    IF v_day IS NULL THEN
      EXECUTE format('TRUNCATE %I', width.relation);
    ELSE
      EXECUTE format('DELETE FROM %I WHERE bucket >= $1', width.relation)
      USING CASE WHEN width.is_day AND v_day < v_sealed THEN v_day + interval '1 day' ELSE v_sealed END;
    END IF;
  END LOOP;
  -- The day of which some hours are sealed: from these.
  INSERT INTO rollup_marks (width_min, due_at, pairs, first_minute, last_minute, nodes, minutes)
  SELECT 1440, now(), count(*), minute, minute, array_agg(node_id), array_agg(minute)
  FROM (
    SELECT DISTINCT node_id::text, (extract(epoch FROM v_day) / 60)::integer AS minute
    FROM rollup_1d JOIN rollup_series USING (series_id)
    WHERE v_day < v_sealed AND bucket = v_day
  ) AS pairs
  GROUP BY minute;
  IF v_day IS NULL THEN PERFORM rollup_forget_series(); END IF;
END
$$;
COMMENT ON FUNCTION rollup_remove_unsealed() IS 'Removes all roll-ups that are computed from rows, to compute them anew';
REVOKE ALL ON FUNCTION rollup_remove_unsealed() FROM PUBLIC;

-- Marks the rows that were there before the roll-ups, or were inserted by somebody who did not mark them, from the newest to
-- the oldest, some minutes at a time.
CREATE OR REPLACE FUNCTION rollup_backfill_step(p_minutes integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  v_state rollup_state;
  v_chunk record;
  v_from timestamptz;
  v_to timestamptz;
BEGIN
  IF NOT pg_try_advisory_xact_lock(4130772518) THEN RETURN false; END IF;
  IF EXISTS (SELECT FROM rollup_unmarked WHERE is_truncated) THEN PERFORM rollup_remove_unsealed(); END IF;
  WITH unmarked AS (DELETE FROM rollup_unmarked RETURNING 1)
  UPDATE rollup_state SET backfilled_from = range_end, backfill_to = range_start
  FROM (
    SELECT max(range_end) AS range_end, min(range_start) AS range_start
    FROM timescaledb_information.chunks WHERE hypertable_schema = 'public' AND hypertable_name = 'metrics'
  ) AS rows
  WHERE EXISTS (SELECT FROM unmarked) AND range_end IS NOT NULL;
  SELECT * INTO v_state FROM rollup_state;
  IF v_state.backfilled_from <= v_state.backfill_to THEN RETURN false; END IF;
  -- A time without chunks is passed over.
  SELECT max(range_start) AS range_start, max(range_end) AS range_end INTO v_chunk
  FROM timescaledb_information.chunks
  WHERE hypertable_schema = 'public' AND hypertable_name = 'metrics' AND range_start < v_state.backfilled_from;
  v_to := least(v_state.backfilled_from, coalesce(v_chunk.range_end, v_state.backfill_to));
  v_from := greatest(v_to - p_minutes * interval '1 minute', coalesce(v_chunk.range_start, v_state.backfill_to), v_state.backfill_to);
  INSERT INTO rollup_marks (width_min, due_at, pairs, first_minute, last_minute, nodes, minutes)
  SELECT 1, now() - interval '1 second', count(*), min(minute), max(minute), array_agg(node_id), array_agg(minute)
  FROM (
    SELECT node_id, minute, (row_number() OVER (ORDER BY minute) - 1) / 10000 AS part
    FROM (
      SELECT DISTINCT node_id::text, floor(extract(epoch FROM time) / 60)::integer AS minute
      FROM metrics WHERE time >= v_from AND time < v_to
    ) AS pairs
  ) AS pairs
  GROUP BY part;
  UPDATE rollup_state SET backfilled_from = v_from;
  RETURN true;
END
$$;

-- Erases sealed roll-ups: of a node, of a tenant, or of everything in a time range. Rows that are still there are deleted from
-- metrics instead, which marks them. Where minutes of a series are not kept, they cannot be subtracted from those of its region: the
-- region's minutes of these hours are erased as a whole. A call erases some thousand at most; it is called until it returns 0.
CREATE OR REPLACE FUNCTION rollup_erase(p_from timestamptz, p_to timestamptz, p_node text, p_tenant text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $rollup$
DECLARE
  width record;
  v_to timestamptz;
  v_nodes text[];
  v_buckets timestamptz[];
  v_erased integer;
  v_source text := CASE WHEN p_tenant IS NULL THEN 'nothing' ELSE 'not tenant ' || p_tenant END;
  v_hours_from timestamptz := now() - (SELECT drop_after FROM data_lifecycle WHERE relation = 'metrics_1h');
BEGIN
  IF p_from IS NULL OR p_to IS NULL THEN
    RAISE EXCEPTION 'the range to erase needs a begin and an end' USING HINT = 'Give -infinity or infinity for none';
  END IF;
  PERFORM pg_advisory_xact_lock(4130772518);
  v_to := least(p_to, (SELECT sealed_before FROM rollup_state));
  IF isfinite(p_from) AND p_from <> date_trunc('hour', p_from, 'UTC') OR isfinite(v_to) AND v_to <> date_trunc('hour', v_to, 'UTC') THEN
    RAISE EXCEPTION 'only whole hours can be erased from roll-ups' USING HINT = 'Begin and end the range at full hours (UTC)';
  END IF;
  IF isfinite(p_from) AND p_from < v_hours_from AND p_from <> date_trunc('day', p_from, 'UTC')
    OR isfinite(p_to) AND p_to < v_hours_from AND p_to <> date_trunc('day', p_to, 'UTC')
  THEN
    RAISE EXCEPTION 'only whole days can be erased from roll-ups before %', v_hours_from
      USING HINT = 'Begin and end the range at midnight UTC: hours of that time are not kept';
  END IF;
  DELETE FROM rollup_counted
  WHERE hour >= p_from AND hour < v_to AND (p_node IS NULL OR node_id = p_node)
    AND (p_tenant IS NULL OR node_id IN (SELECT node_id FROM rollup_series GROUP BY node_id HAVING bool_and(tenant = p_tenant)));
  WITH region AS MATERIALIZED (
    SELECT DISTINCT series.country, series.region, series.tenant, hourly.bucket AS hour
    FROM rollup_series AS series
    JOIN rollup_1h AS hourly USING (series_id)
    WHERE hourly.bucket >= p_from AND hourly.bucket < v_to
      AND (p_node IS NULL OR series.node_id = p_node) AND (p_tenant IS NULL OR series.tenant = p_tenant)
      AND NOT EXISTS (
        SELECT FROM rollup_kept_minutes AS kept WHERE kept.series_id = hourly.series_id AND kept.hour = hourly.bucket)
  ), hours AS MATERIALIZED (
    SELECT * FROM region
    WHERE EXISTS (
      SELECT FROM rollup_region_1m AS stored
      WHERE stored.country = region.country AND stored.region = region.region AND stored.tenant = region.tenant
        AND stored.bucket >= hour AND stored.bucket < hour + interval '1 hour')
    LIMIT 500
  )
  DELETE FROM rollup_region_1m AS stored USING hours
  WHERE stored.country = hours.country AND stored.region = hours.region AND stored.tenant = hours.tenant
    AND stored.bucket >= hour AND stored.bucket < hour + interval '1 hour' AND stored.bucket >= p_from AND stored.bucket < v_to;
  GET DIAGNOSTICS v_erased = ROW_COUNT;
  IF v_erased > 0 THEN RETURN v_erased; END IF;
  FOR width IN
    SELECT * FROM (VALUES (1, '1m'), (5, '5m'), (60, '1h'), (1440, '1d')) AS widths (width_min, suffix) ORDER BY width_min
  LOOP
    EXECUTE replace($sql$
      SELECT array_agg(node_id), array_agg(bucket)
      FROM (
        SELECT DISTINCT node_id::text, bucket
        FROM rollup_series JOIN rollup_@suffix@ USING (series_id)
        WHERE bucket >= $1 AND bucket < $2 AND bucket + $3 * interval '1 minute' <= $2
          AND ($4 IS NULL OR node_id = $4) AND ($5 IS NULL OR tenant = $5)
        LIMIT 5000
      ) AS pairs
    $sql$, '@suffix@', width.suffix)
    INTO v_nodes, v_buckets USING p_from, v_to, width.width_min, p_node, p_tenant;
    IF v_nodes IS NOT NULL THEN
      PERFORM rollup_apply(width.width_min, v_nodes, v_buckets, v_source);
      RETURN cardinality(v_nodes);
    END IF;
  END LOOP;
  PERFORM rollup_forget_series();
  RETURN 0;
END
$rollup$;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    GRANT SELECT ON rollup_kept_minutes, rollup_thinned_nodes, rollup_events, rollup_minutes_of_rows TO fiberstream_reader;
  END IF;
END
$$;
