-- Sealing in steps. Before, an hour was sealed by one statement: with many rows it took longer than a statement may, and then rows past
-- retention were never dropped. Now the ids of some minutes are remembered at a time. And what is deleted from a sealed hour is
-- noted, so that its roll-ups follow (rollup_recount), and its ids are known by tenant, so that erasing one keeps those of others.

ALTER TABLE rollup_state
  ADD COLUMN sealing_from timestamptz NOT NULL DEFAULT '-infinity',
  ADD COLUMN sealing_to timestamptz NOT NULL DEFAULT '-infinity';
COMMENT ON COLUMN rollup_state.sealing_from IS 'Start of the hour that is being sealed';
COMMENT ON COLUMN rollup_state.sealing_to IS 'Ids of the rows from sealing_from to here are in rollup_counted; the hour is sealed when all of it is';

-- Those of before have no tenant: it is not known.
ALTER TABLE rollup_counted
  ADD COLUMN tenant text NOT NULL DEFAULT '',
  ADD COLUMN part smallint NOT NULL DEFAULT 0,
  DROP CONSTRAINT rollup_counted_pkey,
  ADD PRIMARY KEY (node_id, hour, tenant, part);
COMMENT ON COLUMN rollup_counted.tenant IS 'Whose events they are; empty for those from before this was noted';
COMMENT ON COLUMN rollup_counted.part IS 'The minute of the hour at which the step began that added them; 0 for those that came later';

CREATE TABLE rollup_removed (
  hour timestamptz NOT NULL,
  event_key bigint NOT NULL,
  node_id varchar(50) NOT NULL,
  PRIMARY KEY (node_id, hour, event_key)
);
COMMENT ON TABLE rollup_removed IS 'Events of sealed hours that were deleted from metrics, or changed there, until their roll-ups have followed';
COMMENT ON COLUMN rollup_removed.hour IS 'Hour of the event''s time';
COMMENT ON COLUMN rollup_removed.event_key IS 'The first 8 bytes of its event_id';
COMMENT ON COLUMN rollup_removed.node_id IS 'The probe';

-- A statement that deletes holds lock 4130772519 with others like it. A step of sealing waits until none of them is running: it would
-- remember events whose deletion it cannot see, and the deletion would not see that they are remembered.
CREATE OR REPLACE FUNCTION rollup_mark_removed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  v_minute integer;
  v_pair text;
BEGIN
  IF OLD.time NOT BETWEEN '0001-01-01' AND '4000-01-01' THEN RETURN NULL; END IF;
  PERFORM pg_advisory_xact_lock_shared(4130772519);
  IF OLD.time < (SELECT greatest(sealed_before, sealing_to) FROM rollup_state) THEN
    INSERT INTO rollup_removed (node_id, hour, event_key)
    VALUES (OLD.node_id, date_trunc('hour', OLD.time, 'UTC'), rollup_event_key(OLD.event_id))
    ON CONFLICT DO NOTHING;
  END IF;
  v_minute := floor(extract(epoch FROM OLD.time) / 60);
  v_pair := pg_current_xact_id()::text || ' ' || v_minute || ' ' || OLD.node_id;
  IF current_setting('fiberstream.marked_last', true) = v_pair THEN RETURN NULL; END IF;
  INSERT INTO rollup_marks (width_min, due_at, pairs, first_minute, last_minute, nodes, minutes)
  VALUES (1, now(), 1, v_minute, v_minute, ARRAY[OLD.node_id::text], ARRAY[v_minute]);
  PERFORM set_config('fiberstream.marked_last', v_pair, false);
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION rollup_mark_updated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(4130772519);
  INSERT INTO rollup_removed (node_id, hour, event_key)
  SELECT node_id, date_trunc('hour', time, 'UTC'), rollup_event_key(event_id)
  FROM changed, rollup_state WHERE time < greatest(sealed_before, sealing_to)
  ON CONFLICT DO NOTHING;
  PERFORM rollup_mark(array_agg(node_id::text), array_agg(bucket))
  FROM (SELECT DISTINCT node_id, time_bucket('1 minute', time) AS bucket FROM changed) AS pairs;
  RETURN NULL;
END
$$;

-- Leaves out minutes of the next hour that is old enough: if it has many, of so many minutes at a time. The first step decides which
-- series are kept.
DROP FUNCTION rollup_thin();
CREATE FUNCTION rollup_thin(p_minutes integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET jit = off
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
    WHEN (SELECT count(*) FROM rollup_1h WHERE bucket = v_hour) > 5000
      THEN least(v_from + p_minutes * interval '1 minute', v_hour + interval '1 hour')
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
COMMENT ON FUNCTION rollup_thin(integer) IS 'Leaves out minutes that are answered from rows, of at most an hour; returns whether there was one';
REVOKE ALL ON FUNCTION rollup_thin(integer) FROM PUBLIC;

-- A step towards sealing the next hour of rows that are to be dropped: leaves out minutes (rollup_thin); or keeps those of some series
-- that got enough events only after that; or remembers which events of the next minutes the roll-ups have counted. The last one seals
-- the hour. Roll-ups of an hour that is being sealed are computed from rows as before, and its ids follow (rollup_refresh). So
-- a row that is committed while this runs is either among the ids, or has a mark, without which no hour is sealed.
CREATE FUNCTION rollup_seal_step(p_minutes integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  v_keep interval := (SELECT drop_after FROM data_lifecycle WHERE relation = 'metrics');
  v_state rollup_state;
  v_hour timestamptz;
  v_end timestamptz;
  v_to timestamptz;
  v_kept integer;
BEGIN
  IF rollup_thin(least(p_minutes, 10)) THEN RETURN true; END IF;
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
    OR NOT pg_try_advisory_xact_lock(4130772519)
  THEN
    RETURN false;
  END IF;

  WITH dense AS (
    SELECT series_id
    FROM (
      SELECT series_id, sum(events) OVER (ORDER BY series_id) - events AS events_before
      FROM rollup_1h AS hourly
      WHERE bucket = v_hour AND events > v_state.sparse_events AND NOT EXISTS (
        SELECT FROM rollup_kept_minutes AS kept WHERE kept.series_id = hourly.series_id AND kept.hour = v_hour)
    ) AS hourly
    WHERE events_before < p_minutes * 20000
  ), kept AS (
    INSERT INTO rollup_kept_minutes (series_id, hour) SELECT series_id, v_hour FROM dense
    RETURNING series_id
  ), stored AS (
    INSERT INTO rollup_1m (
      series_id, bucket, events, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm, loss_sum_ppm,
      latency_min_ms, latency_max_ms, packet_loss_max, latency_bins
    )
    SELECT series_id, bucket, events, measured, nullif(anomalies, 0), nullif(sent, 0), nullif(lost, 0), latency_sum_ns, uptime_sum_ppm,
           nullif(loss_sum_ppm, 0), latency_min_ms, latency_max_ms, nullif(packet_loss_max, 0), latency_bins
    FROM rollup_minutes_of_rows JOIN kept USING (series_id)
    WHERE bucket >= v_hour AND bucket < v_end
  )
  SELECT count(*) INTO v_kept FROM kept;
  IF v_kept > 0 THEN RETURN true; END IF;

  -- It began with another hour: rows of a time before have come.
  IF v_state.sealing_from <> v_hour THEN
    IF v_state.sealing_to > v_state.sealing_from AND v_state.sealing_from >= v_state.sealed_before THEN
      DELETE FROM rollup_counted WHERE hour = v_state.sealing_from;
    END IF;
    v_state.sealing_to := v_hour;
    UPDATE rollup_state SET sealing_from = v_hour, sealing_to = v_hour;
  END IF;
  IF v_state.sealing_to < v_end THEN
    v_to := least(v_state.sealing_to + p_minutes * interval '1 minute', v_end);
    INSERT INTO rollup_counted (node_id, tenant, hour, part, ids)
    SELECT node_id, tenant, v_hour, extract(minute FROM v_state.sealing_to)::smallint, array_agg(rollup_event_key(event_id))
    FROM metrics WHERE time >= v_state.sealing_to AND time < v_to
    GROUP BY node_id, tenant
    ON CONFLICT (node_id, hour, tenant, part) DO UPDATE SET ids = rollup_counted.ids || excluded.ids, counted_at = now();
    UPDATE rollup_state SET sealing_to = v_to;
    IF v_to < v_end THEN RETURN true; END IF;
  END IF;

  IF EXISTS (
    SELECT FROM rollup_marks
    WHERE width_min IN (1, 5, 60) AND first_minute < extract(epoch FROM v_end) / 60
      AND last_minute + width_min > extract(epoch FROM v_hour) / 60
  ) OR EXISTS (SELECT FROM rollup_unmarked) THEN
    RETURN false;
  END IF;
  UPDATE rollup_state
  SET sealed_before = v_end, thinned_before = greatest(thinned_before, v_end), sealing_from = v_end, sealing_to = v_end;
  RETURN true;
END
$$;
COMMENT ON FUNCTION rollup_seal_step(integer) IS 'A step towards sealing the next hour whose rows are to be dropped, with at most so many minutes of rows; returns whether there is more to do';
REVOKE ALL ON FUNCTION rollup_seal_step(integer) FROM PUBLIC;

-- What a sink of the version before calls.
CREATE OR REPLACE FUNCTION rollup_seal_hour() RETURNS boolean
LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
  SELECT rollup_seal_step(10)
$$;
COMMENT ON FUNCTION rollup_seal_hour() IS 'As rollup_seal_step, with ten minutes of rows';

CREATE FUNCTION rollup_unsealed_s() RETURNS double precision
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
  SELECT coalesce((
    SELECT extract(epoch FROM now() - drop_after - min(range_end))
    FROM data_lifecycle CROSS JOIN rollup_state CROSS JOIN timescaledb_information.chunks
    WHERE relation = 'metrics' AND hypertable_schema = 'public' AND hypertable_name = 'metrics'
      AND range_end <= now() - drop_after AND range_end > sealed_before
    GROUP BY drop_after
  ), 0)::double precision
$$;
COMMENT ON FUNCTION rollup_unsealed_s() IS 'For how long rows past retention have not been dropped because their hours are not sealed, s';
REVOKE ALL ON FUNCTION rollup_unsealed_s() FROM PUBLIC;

-- After TRUNCATE of metrics, as before; and the ids of the hour that was being sealed are no longer those of rows.
CREATE OR REPLACE FUNCTION rollup_remove_unsealed() RETURNS void
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
  DELETE FROM rollup_counted USING rollup_state WHERE hour = sealing_from AND sealing_from >= sealed_before;
  UPDATE rollup_state SET sealing_to = sealing_from;
  IF v_day IS NULL THEN PERFORM rollup_forget_series(); END IF;
END
$$;
REVOKE ALL ON FUNCTION rollup_remove_unsealed() FROM PUBLIC;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_sink') THEN
    GRANT EXECUTE ON FUNCTION rollup_seal_step(integer), rollup_unsealed_s() TO fiberstream_sink;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    GRANT SELECT ON rollup_removed TO fiberstream_reader;
    GRANT EXECUTE ON FUNCTION rollup_unsealed_s() TO fiberstream_reader;
  END IF;
END
$$;
