-- What waits is taken by a function of its own, which passes over nodes that are set aside. What is deleted from sealed hours, or
-- changed there, is followed as long as all rows of the node's hour are there.

CREATE TABLE rollup_set_aside (
  set_aside_at timestamptz NOT NULL DEFAULT now(),
  retry_at timestamptz NOT NULL,
  width_min integer NOT NULL CHECK (width_min IN (1, 5, 60, 1440)),
  failures integer NOT NULL DEFAULT 1,
  node_id varchar(50) NOT NULL,
  reason text NOT NULL,
  minutes integer[] NOT NULL,
  PRIMARY KEY (node_id, width_min)
);
COMMENT ON TABLE rollup_set_aside IS 'Nodes one of whose roll-ups could not be computed, not even alone: theirs wait, and others go on';
COMMENT ON COLUMN rollup_set_aside.set_aside_at IS 'When it failed last';
COMMENT ON COLUMN rollup_set_aside.retry_at IS 'Until then the node''s marks of this width are not computed; then all of them are tried again';
COMMENT ON COLUMN rollup_set_aside.width_min IS 'Which roll-up: 1, 5, 60 or 1440 minutes';
COMMENT ON COLUMN rollup_set_aside.failures IS 'How often it was set aside; the time until the next try doubles, up to a day';
COMMENT ON COLUMN rollup_set_aside.node_id IS 'The probe';
COMMENT ON COLUMN rollup_set_aside.reason IS 'Why it failed';
COMMENT ON COLUMN rollup_set_aside.minutes IS 'The buckets that wait: their starts in minutes since 1970';

-- Takes the oldest marks of one width that are due: at most so many pairs of node and bucket. The rest stays marked; those of nodes that are
-- set aside wait with these.
CREATE FUNCTION rollup_take(
  p_width_min integer, p_due timestamptz, p_max_pairs integer,
  OUT taken_nodes text[], OUT taken_buckets timestamptz[], OUT left_pairs integer, OUT due_since timestamptz
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
  WITH retried AS (
    UPDATE rollup_set_aside AS aside SET minutes = '{}'
    FROM (
      SELECT node_id, width_min, minutes FROM rollup_set_aside
      WHERE width_min = p_width_min AND retry_at <= now() AND minutes <> '{}'
      FOR UPDATE
    ) AS waiting
    WHERE aside.node_id = waiting.node_id AND aside.width_min = waiting.width_min
    RETURNING waiting.node_id, waiting.minutes
  )
  INSERT INTO rollup_marks (width_min, due_at, pairs, first_minute, last_minute, nodes, minutes)
  SELECT p_width_min, now() - interval '1 second', count(*), min(minute), max(minute), array_agg(node_id), array_agg(minute)
  FROM retried CROSS JOIN LATERAL unnest(minutes) AS minute
  GROUP BY node_id;

  WITH due AS (
    SELECT id, sum(rollup_marks.pairs) OVER (ORDER BY due_at, id) - rollup_marks.pairs AS before
    FROM (SELECT * FROM rollup_marks WHERE width_min = p_width_min AND due_at <= p_due ORDER BY due_at, id LIMIT 50000) AS rollup_marks
  ), taken AS (
    DELETE FROM rollup_marks USING due
    WHERE rollup_marks.id = due.id AND before < 3000000
    RETURNING rollup_marks.due_at, rollup_marks.nodes, rollup_marks.minutes
  ), every AS (
    SELECT DISTINCT node, minute, EXISTS (
      SELECT FROM rollup_set_aside
      WHERE node_id = node AND width_min = p_width_min AND retry_at > now()
    ) AS is_aside
    FROM taken CROSS JOIN LATERAL unnest(nodes, minutes) AS pair (node, minute)
  ), set_aside AS (
    UPDATE rollup_set_aside AS stored
    SET minutes = (SELECT array_agg(DISTINCT minute) FROM unnest(stored.minutes || more.minutes) AS minute)
    FROM (SELECT node, array_agg(minute) AS minutes FROM every WHERE is_aside GROUP BY node) AS more
    WHERE stored.node_id = more.node AND stored.width_min = p_width_min
  ), numbered AS (
    SELECT node, minute, row_number() OVER (ORDER BY minute, node) - 1 AS number
    FROM every WHERE NOT is_aside
  ), put_back AS (
    INSERT INTO rollup_marks (width_min, due_at, pairs, first_minute, last_minute, nodes, minutes)
    SELECT p_width_min, (SELECT min(due_at) FROM taken), count(*), min(minute), max(minute), array_agg(node), array_agg(minute)
    FROM numbered WHERE number >= p_max_pairs
    GROUP BY number / p_max_pairs
  )
  SELECT array_agg(node ORDER BY number) FILTER (WHERE number < p_max_pairs),
         array_agg(to_timestamp(minute * 60::bigint) ORDER BY number) FILTER (WHERE number < p_max_pairs),
         count(*) FILTER (WHERE number >= p_max_pairs),
         (SELECT min(due_at) FROM taken)
  INTO taken_nodes, taken_buckets, left_pairs, due_since
  FROM numbered;
END
$$;
COMMENT ON FUNCTION rollup_take(integer, timestamptz, integer) IS 'A step of rollup_refresh and rollup_set_aside_first: takes marks of one width';
REVOKE ALL ON FUNCTION rollup_take(integer, timestamptz, integer) FROM PUBLIC;

-- Sets the node of the first mark aside that rollup_refresh would take: it has failed although it was alone.
CREATE FUNCTION rollup_set_aside_first(p_width_min integer, p_due timestamptz, p_reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  v_taken record;
BEGIN
  IF NOT pg_try_advisory_xact_lock(4130772518) THEN RETURN false; END IF;
  SELECT * INTO v_taken FROM rollup_take(p_width_min, p_due, 1);
  IF v_taken.taken_nodes IS NULL THEN RETURN false; END IF;
  INSERT INTO rollup_set_aside AS stored (node_id, width_min, retry_at, reason, minutes)
  VALUES (v_taken.taken_nodes[1], p_width_min, now() + interval '1 hour', left(p_reason, 500),
          ARRAY[(extract(epoch FROM v_taken.taken_buckets[1]) / 60)::integer])
  ON CONFLICT (node_id, width_min) DO UPDATE SET
    set_aside_at = now(), failures = stored.failures + 1, reason = excluded.reason, minutes = stored.minutes || excluded.minutes,
    retry_at = now() + least(interval '1 hour' * power(2, least(stored.failures, 10)), interval '1 day');
  RETURN true;
END
$$;
COMMENT ON FUNCTION rollup_set_aside_first(integer, timestamptz, text) IS 'Sets aside the node whose roll-up rollup_refresh would compute first; returns whether there was one';
REVOKE ALL ON FUNCTION rollup_set_aside_first(integer, timestamptz, text) FROM PUBLIC;

-- Whether, of a sealed hour, minutes of some series of a region are not kept: nothing says then what they contributed to the region's.
CREATE FUNCTION rollup_region_is_thinned(p_country text, p_region text, p_tenant text, p_hour timestamptz) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = public, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM rollup_series AS series
    WHERE series.country = p_country AND series.region = p_region AND series.tenant = p_tenant
      AND EXISTS (SELECT FROM rollup_1h AS hourly WHERE hourly.series_id = series.series_id AND hourly.bucket = p_hour)
      AND NOT EXISTS (
        SELECT FROM rollup_kept_minutes AS kept WHERE kept.series_id = series.series_id AND kept.hour = p_hour))
$$;
COMMENT ON FUNCTION rollup_region_is_thinned(text, text, text, timestamptz) IS 'Whether minutes of some series of a region and hour are not kept';
REVOKE ALL ON FUNCTION rollup_region_is_thinned(text, text, text, timestamptz) FROM PUBLIC;

-- Whether what the roll-ups of a node's sealed hour have counted is in its rows, or was until the deletions that are to be followed; and
-- whether the hours of its day are all there. If not, retention has dropped something that could not be computed again.
CREATE FUNCTION rollup_hour_is_whole(p_node text, p_hour timestamptz) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = public, pg_temp
AS $$
  SELECT NOT EXISTS (
    SELECT key FROM rollup_counted CROSS JOIN LATERAL unnest(ids) AS key WHERE node_id = p_node AND hour = p_hour
    EXCEPT (
      SELECT rollup_event_key(event_id) FROM metrics
      WHERE node_id = p_node AND time >= p_hour AND time < p_hour + interval '1 hour'
      UNION ALL
      SELECT event_key FROM rollup_removed WHERE node_id = p_node AND hour = p_hour
    )
  ) AND (
    SELECT coalesce(sum(cardinality(ids)), 0) FROM rollup_counted WHERE node_id = p_node AND hour = p_hour
  ) = (
    SELECT coalesce(sum(events), 0)
    FROM rollup_series AS series JOIN rollup_1h AS hourly USING (series_id)
    WHERE series.node_id = p_node AND hourly.bucket = p_hour
  ) AND ((
    SELECT coalesce(sum(events), 0)
    FROM rollup_series AS series JOIN rollup_1h AS hourly USING (series_id)
    WHERE series.node_id = p_node AND hourly.bucket >= date_trunc('day', p_hour, 'UTC')
      AND hourly.bucket < date_trunc('day', p_hour, 'UTC') + interval '1 day'
  ) = (
    SELECT coalesce(sum(events), 0)
    FROM rollup_series AS series JOIN rollup_1d AS daily USING (series_id)
    WHERE series.node_id = p_node AND daily.bucket = date_trunc('day', p_hour, 'UTC')
  ) OR EXISTS (
    SELECT FROM rollup_marks
    WHERE width_min = 1440 AND p_node = ANY (nodes) AND first_minute <= extract(epoch FROM p_hour) / 60
      AND last_minute + 1440 > extract(epoch FROM p_hour) / 60
  ))
$$;
COMMENT ON FUNCTION rollup_hour_is_whole(text, timestamptz) IS 'Whether the roll-ups of a node''s sealed hour can be computed from its rows';
REVOKE ALL ON FUNCTION rollup_hour_is_whole(text, timestamptz) FROM PUBLIC;

-- Follows what was deleted from sealed hours, or changed there: computes the node's hour again from its rows if these are all there. If
-- some are not, the roll-ups stay as they are, as if the deleted rows had been dropped by retention.
CREATE FUNCTION rollup_recount(p_nodes text[], p_buckets timestamptz[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET jit = off
AS $$
DECLARE
  changed record;
  v_changed integer := 0;
  v_thinned jsonb;
BEGIN
  FOR changed IN
    SELECT DISTINCT removed.node_id::text AS node_id, removed.hour
    FROM (
      SELECT DISTINCT node_id, date_trunc('hour', bucket, 'UTC') AS hour FROM unnest(p_nodes, p_buckets) AS pair (node_id, bucket)
    ) AS pair
    JOIN rollup_removed AS removed ON removed.node_id = pair.node_id AND removed.hour = pair.hour
  LOOP
    IF rollup_hour_is_whole(changed.node_id, changed.hour) THEN
      -- Before, because afterwards nothing may be left of the series whose minutes are not kept.
      SELECT jsonb_agg(jsonb_build_array(country, region, tenant)) INTO v_thinned
      FROM (SELECT DISTINCT country, region, tenant FROM rollup_series WHERE node_id = changed.node_id) AS place
      WHERE rollup_region_is_thinned(country, region, tenant, changed.hour);
      -- Minutes of a series that is new in the hour are kept if it has enough events.
      INSERT INTO rollup_kept_minutes (series_id, hour)
      SELECT rollup_series_id(node_id, tenant, country, region, probe_type, target_host) AS series_id, changed.hour
      FROM rollup_events
      WHERE node_id = changed.node_id AND time >= changed.hour AND time < changed.hour + interval '1 hour'
      GROUP BY node_id, tenant, country, region, probe_type, target_host
      HAVING count(*) > (SELECT sparse_events FROM rollup_state) AND NOT EXISTS (
        SELECT FROM rollup_1h AS hourly
        WHERE hourly.bucket = changed.hour
          AND hourly.series_id = rollup_series_id(node_id, tenant, country, region, probe_type, target_host))
      ON CONFLICT DO NOTHING;
      v_changed := v_changed
        + rollup_apply(1, array_agg(changed.node_id), array_agg(changed.hour + place * interval '1 minute'), 'sealed kept')
      FROM generate_series(0, 59) AS place;
      v_changed := v_changed
        + rollup_apply(5, array_agg(changed.node_id), array_agg(changed.hour + place * interval '5 minutes'), 'sealed rows')
      FROM generate_series(0, 11) AS place;
      v_changed := v_changed + rollup_apply(60, ARRAY[changed.node_id], ARRAY[changed.hour], 'finer');
      DELETE FROM rollup_region_1m AS stored
      USING (
        SELECT place ->> 0 AS country, place ->> 1 AS region, place ->> 2 AS tenant FROM jsonb_array_elements(v_thinned) AS place
        UNION
        SELECT country, region, tenant
        FROM (SELECT DISTINCT country, region, tenant FROM rollup_series WHERE node_id = changed.node_id) AS place
        WHERE rollup_region_is_thinned(country, region, tenant, changed.hour)
      ) AS place
      WHERE stored.country = place.country AND stored.region = place.region AND stored.tenant = place.tenant
        AND stored.bucket >= changed.hour AND stored.bucket < changed.hour + interval '1 hour';
      DELETE FROM rollup_counted WHERE node_id = changed.node_id AND hour = changed.hour;
      INSERT INTO rollup_counted (node_id, tenant, hour, ids)
      SELECT node_id, tenant, changed.hour, array_agg(rollup_event_key(event_id))
      FROM metrics
      WHERE node_id = changed.node_id AND time >= changed.hour AND time < changed.hour + interval '1 hour'
      GROUP BY node_id, tenant;
    END IF;
    DELETE FROM rollup_removed WHERE node_id = changed.node_id AND hour = changed.hour;
  END LOOP;
  RETURN v_changed;
END
$$;
COMMENT ON FUNCTION rollup_recount(text[], timestamptz[]) IS 'A step of rollup_refresh: computes sealed hours of nodes again from which something was deleted; returns how many roll-ups it changed';
REVOKE ALL ON FUNCTION rollup_recount(text[], timestamptz[]) FROM PUBLIC;

-- The same for the hour that is being sealed, whose roll-ups are computed from rows anyway: its ids follow the rows.
CREATE FUNCTION rollup_count_again(p_nodes text[], p_buckets timestamptz[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  v_hour timestamptz := (SELECT sealing_from FROM rollup_state);
BEGIN
  UPDATE rollup_counted AS counted
  SET ids = ARRAY(
    SELECT key FROM unnest(ids) AS key
    EXCEPT ALL SELECT event_key FROM rollup_removed WHERE rollup_removed.node_id = counted.node_id AND rollup_removed.hour = v_hour)
  WHERE hour = v_hour AND node_id = ANY (p_nodes) AND EXISTS (
    SELECT FROM rollup_removed WHERE rollup_removed.node_id = counted.node_id AND rollup_removed.hour = v_hour);
  DELETE FROM rollup_removed WHERE hour = v_hour AND node_id = ANY (p_nodes);
  INSERT INTO rollup_counted (node_id, tenant, hour, ids)
  SELECT event.node_id, tenant, v_hour, array_agg(rollup_event_key(event_id))
  FROM unnest(p_nodes, p_buckets) AS pair (node_id, bucket)
  JOIN metrics AS event ON event.node_id = pair.node_id AND time >= bucket AND time < bucket + interval '1 minute'
  WHERE NOT EXISTS (
    SELECT FROM rollup_counted AS counted
    WHERE counted.node_id = pair.node_id AND counted.hour = v_hour AND rollup_event_key(event_id) = ANY (counted.ids))
  GROUP BY event.node_id, tenant
  ON CONFLICT (node_id, hour, tenant, part) DO UPDATE SET ids = rollup_counted.ids || excluded.ids, counted_at = now();
END
$$;
COMMENT ON FUNCTION rollup_count_again(text[], timestamptz[]) IS 'A step of rollup_refresh: corrects the ids of the hour that is being sealed';
REVOKE ALL ON FUNCTION rollup_count_again(text[], timestamptz[]) FROM PUBLIC;

-- Adds events of minutes that are sealed: those that rollup_counted does not have. They are added to all widths that are kept at
-- their time, and to those that are past retention and not dropped yet, because coarser ones may still be computed from these.
CREATE OR REPLACE FUNCTION rollup_add_late(p_nodes text[], p_buckets timestamptz[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $rollup$
DECLARE
  width record;
  v_added integer;
  v_sealed_day timestamptz := (SELECT date_trunc('day', sealed_before, 'UTC') FROM rollup_state);
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

  INSERT INTO rollup_counted (node_id, tenant, hour, ids)
  SELECT node_id, tenant, date_trunc('hour', time, 'UTC') AS hour, array_agg(event_key)
  FROM pg_temp.rollup_late GROUP BY node_id, tenant, hour
  ON CONFLICT (node_id, hour, tenant, part) DO UPDATE SET ids = rollup_counted.ids || excluded.ids, counted_at = now();

  INSERT INTO rollup_series (series_id, node_id, tenant, country, region, probe_type, target_host)
  SELECT DISTINCT series_id, node_id, tenant, country, region, probe_type, target_host FROM pg_temp.rollup_late
  ON CONFLICT DO NOTHING;

  FOR width IN
    SELECT suffix, bucket, CASE WHEN drop_after IS NULL THEN '-infinity' ELSE least(now() - drop_after, v_sealed_day, (
             SELECT min(range_start) FROM timescaledb_information.chunks
             WHERE hypertable_schema = 'public' AND hypertable_name = 'rollup_' || suffix)) END AS since
    FROM (VALUES ('1m', interval '1 minute'), ('5m', '5 minutes'), ('1h', '1 hour'), ('1d', '1 day')) AS widths (suffix, bucket)
    LEFT JOIN data_lifecycle ON relation = 'metrics_' || suffix
  LOOP
    -- First the regions: the nodes of theirs are counted by the buckets that nodes have so far. Minutes of a region that were erased
    -- as a whole would be those of the late events alone.
    EXECUTE replace($sql$
      WITH node AS MATERIALIZED (
        SELECT nodes.*, (SELECT count(*) FROM (
                 SELECT FROM rollup_series WHERE rollup_series.node_id = nodes.node_id LIMIT 1001) AS limited) > 1000 AS has_many
        FROM (SELECT DISTINCT node_id, country, region, tenant, time_bucket($1, time) AS bucket FROM pg_temp.rollup_late) AS nodes
      ), known_node AS MATERIALIZED (
        SELECT node_id, country, region, tenant, bucket, CASE
          WHEN has_many THEN EXISTS (
            SELECT FROM (SELECT series_id FROM rollup_@suffix@ AS rollup WHERE rollup.bucket = node.bucket OFFSET 0) AS rollup
            CROSS JOIN LATERAL (SELECT * FROM rollup_series WHERE rollup_series.series_id = rollup.series_id OFFSET 0) AS series
            WHERE series.node_id = node.node_id AND series.country = node.country AND series.region = node.region
              AND series.tenant = node.tenant)
          ELSE EXISTS (
            SELECT FROM rollup_series AS series
            JOIN rollup_@suffix@ AS rollup ON rollup.series_id = series.series_id AND rollup.bucket = node.bucket
            WHERE series.node_id = node.node_id AND series.country = node.country AND series.region = node.region
              AND series.tenant = node.tenant)
          END AS is_known
        FROM node
      ), erased AS MATERIALIZED (
        SELECT country, region, tenant, hour
        FROM (SELECT DISTINCT country, region, tenant, date_trunc('hour', time, 'UTC') AS hour FROM pg_temp.rollup_late) AS late
        WHERE '@suffix@' = '1m' AND EXISTS (
          SELECT FROM rollup_region_1h AS stored
          WHERE stored.country = late.country AND stored.region = late.region AND stored.tenant = late.tenant AND stored.bucket = hour
        ) AND NOT EXISTS (
          SELECT FROM rollup_region_1m AS stored
          WHERE stored.country = late.country AND stored.region = late.region AND stored.tenant = late.tenant
            AND stored.bucket >= hour AND stored.bucket < hour + interval '1 hour')
      )
      INSERT INTO rollup_region_@suffix@ AS stored (
        country, region, tenant, bucket, nodes, events, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm,
        loss_sum_ppm, latency_min_ms, latency_max_ms, packet_loss_max, latency_bins
      )
      SELECT country, region, tenant, bucket,
             count(DISTINCT node_id) FILTER (WHERE NOT is_known),
             count(*), count(latency), nullif(count(*) FILTER (WHERE is_anomaly), 0),
             nullif(sum(packets), 0), nullif(sum(greatest(packets - answers, 0)), 0),
             coalesce(sum(round(latency * 1e6)::bigint), 0), coalesce(sum(round(uptime * 1e4)::bigint), 0),
             nullif(sum(round(loss * 1e4)::bigint), 0), min(latency), max(latency), nullif(max(loss), 0),
             latency_merge(CASE WHEN latency IS NOT NULL THEN ARRAY[(latency_bin(latency)::bigint << 48) + 1] END)
      FROM (SELECT *, time_bucket($1, time) AS bucket FROM pg_temp.rollup_late) AS late
      JOIN known_node USING (node_id, country, region, tenant, bucket)
      WHERE bucket >= $2 AND ('@suffix@' <> '1m' OR (country, region, tenant, date_trunc('hour', time, 'UTC')) NOT IN (
        SELECT country, region, tenant, hour FROM erased))
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
    $sql$, '@suffix@', width.suffix) USING width.bucket, width.since;
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
      WHERE bucket >= $2 AND NOT ('@suffix@' = '1m' AND is_sparse)
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
    $sql$, '@suffix@', width.suffix) USING width.bucket, width.since;
  END LOOP;
  RETURN v_added;
END
$rollup$;

-- Takes marks of one width and computes their roll-ups again: minutes from rows, coarser ones from the next finer. What has
-- changed of a node is added to its region, and marks the next coarser bucket. All in one transaction: a mark is gone when
-- its roll-up is right. A row that is committed meanwhile has left a mark of its own.
--
-- One call at a time, by a lock. A call takes at most so many pairs of node and bucket; the rest stays marked.
CREATE OR REPLACE FUNCTION rollup_refresh(
  p_width_min integer, p_due timestamptz, p_max_pairs integer,
  OUT pairs integer, OUT left_pairs integer, OUT changed integer, OUT due_since timestamptz
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $rollup$
DECLARE
  v_state rollup_state;
  v_taken record;
  v_nodes text[];
  v_buckets timestamptz[];
  v_late_nodes text[];
  v_late_buckets timestamptz[];
  v_thin_nodes text[];
  v_thin_buckets timestamptz[];
  v_sealing_nodes text[];
  v_sealing_buckets timestamptz[];
BEGIN
  IF NOT pg_try_advisory_xact_lock(4130772518) THEN RETURN; END IF;
  SELECT * INTO v_state FROM rollup_state;
  SELECT * INTO v_taken FROM rollup_take(p_width_min, p_due, p_max_pairs);
  pairs := coalesce(cardinality(v_taken.taken_nodes), 0);
  left_pairs := v_taken.left_pairs;
  due_since := v_taken.due_since;
  changed := 0;

  SELECT array_agg(node ORDER BY number) FILTER (WHERE kind = 'whole'),
         array_agg(bucket ORDER BY number) FILTER (WHERE kind = 'whole'),
         array_agg(node ORDER BY number) FILTER (WHERE kind = 'late'),
         array_agg(bucket ORDER BY number) FILTER (WHERE kind = 'late'),
         array_agg(node ORDER BY number) FILTER (WHERE kind = 'thinned'),
         array_agg(bucket ORDER BY number) FILTER (WHERE kind = 'thinned'),
         array_agg(node ORDER BY number) FILTER (WHERE is_of_sealing),
         array_agg(bucket ORDER BY number) FILTER (WHERE is_of_sealing)
  INTO v_nodes, v_buckets, v_late_nodes, v_late_buckets, v_thin_nodes, v_thin_buckets, v_sealing_nodes, v_sealing_buckets
  FROM unnest(v_taken.taken_nodes, v_taken.taken_buckets) WITH ORDINALITY AS pair (node, bucket, number)
  CROSS JOIN LATERAL (
    SELECT CASE
      WHEN p_width_min = 1 AND bucket < v_state.sealed_before THEN 'late'
      WHEN p_width_min IN (1, 5) AND bucket >= v_state.sealed_before AND bucket < v_state.thinned_before THEN 'thinned'
      ELSE 'whole'
    END AS kind, p_width_min = 1 AND bucket >= v_state.sealing_from AND bucket < v_state.sealing_to AS is_of_sealing
  ) AS kinds;

  IF v_late_nodes IS NOT NULL THEN
    changed := rollup_recount(v_late_nodes, v_late_buckets) + rollup_add_late(v_late_nodes, v_late_buckets);
  END IF;
  IF v_sealing_nodes IS NOT NULL THEN
    PERFORM rollup_count_again(v_sealing_nodes, v_sealing_buckets);
  END IF;
  IF v_thin_nodes IS NOT NULL THEN
    changed := changed + CASE p_width_min
      WHEN 1 THEN rollup_apply_thinned(v_thin_nodes, v_thin_buckets)
      ELSE rollup_apply(p_width_min, v_thin_nodes, v_thin_buckets, 'rows')
    END;
  END IF;
  IF v_nodes IS NOT NULL THEN
    changed := changed + rollup_apply(p_width_min, v_nodes, v_buckets, 'finer');
  END IF;
END
$rollup$;

-- Erases sealed roll-ups: of a node, of a tenant, or of everything in a time range. Rows that are still there are deleted from
-- metrics instead, which marks them. Where minutes of a series of a region are not kept, nothing can be subtracted from the region's:
-- these are erased as a whole. A call erases some thousand at most; it is called until it returns 0.
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
    AND (p_tenant IS NULL OR tenant = p_tenant
      OR tenant = '' AND node_id IN (SELECT node_id FROM rollup_series GROUP BY node_id HAVING bool_and(tenant = p_tenant)));
  -- They are computed again without what is erased.
  UPDATE rollup_set_aside SET retry_at = now()
  WHERE (p_node IS NULL OR node_id = p_node)
    AND (p_tenant IS NULL OR node_id IN (SELECT node_id FROM rollup_series WHERE tenant = p_tenant));
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
      IF width.width_min = 1 THEN
        DELETE FROM rollup_region_1m AS stored
        USING (
          SELECT country, region, tenant, hour
          FROM (
            SELECT DISTINCT country, region, tenant, date_trunc('hour', bucket, 'UTC') AS hour
            FROM unnest(v_nodes, v_buckets) AS pair (node_id, bucket) JOIN rollup_series AS series USING (node_id)
          ) AS places
          WHERE rollup_region_is_thinned(country, region, tenant, hour)
        ) AS place
        WHERE stored.country = place.country AND stored.region = place.region AND stored.tenant = place.tenant
          AND stored.bucket >= hour AND stored.bucket < hour + interval '1 hour' AND stored.bucket >= p_from AND stored.bucket < v_to;
      END IF;
      PERFORM rollup_apply(width.width_min, v_nodes, v_buckets, v_source);
      RETURN cardinality(v_nodes);
    END IF;
  END LOOP;
  PERFORM rollup_forget_series();
  RETURN 0;
END
$rollup$;

-- What is set aside is pending, too.
CREATE OR REPLACE FUNCTION rollup_is_pending(p_from timestamptz, p_to timestamptz) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM rollup_marks
    WHERE last_minute + width_min > extract(epoch FROM p_from) / 60 AND first_minute < extract(epoch FROM p_to) / 60
  ) OR EXISTS (
    SELECT FROM rollup_set_aside CROSS JOIN LATERAL unnest(minutes) AS minute
    WHERE minute + width_min > extract(epoch FROM p_from) / 60 AND minute < extract(epoch FROM p_to) / 60
  ) OR EXISTS (
    SELECT FROM rollup_unmarked
  ) OR EXISTS (
    SELECT FROM rollup_state WHERE p_from < backfilled_from AND p_to > backfill_to AND backfilled_from > backfill_to
  )
$$;

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
  DELETE FROM rollup_set_aside WHERE retry_at < now() - interval '2 days' AND minutes = '{}';
  DELETE FROM rollup_kept_minutes
  WHERE hour < now() - (SELECT drop_after FROM data_lifecycle WHERE relation = 'metrics_1m') - interval '1 day';
  IF v_days > 0 THEN PERFORM rollup_forget_series(); END IF;
  RETURN v_dropped;
END
$$;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_sink') THEN
    GRANT EXECUTE ON FUNCTION rollup_set_aside_first(integer, timestamptz, text) TO fiberstream_sink;
    GRANT SELECT ON rollup_set_aside TO fiberstream_sink;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    GRANT SELECT ON rollup_set_aside TO fiberstream_reader;
  END IF;
END
$$;
