-- 288 bins from 0.1 to 10,000 ms, each 4.08 % wider than the one before: every latency of a bin differs by less than 2 % from
-- the bin's value. TimescaleDB's histogram() has the same bins.
CREATE FUNCTION latency_bin(ms double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT width_bucket(ln(CASE WHEN ms < 0.05 THEN 0.05 ELSE ms END), -2.302585092994046, 9.210340371976184, 288)
$$;
COMMENT ON FUNCTION latency_bin(double precision) IS 'Bin of a latency in ms: 0 below 0.1 ms, 1 to 288, 289 from 10,000 ms on';

CREATE FUNCTION latency_bin_from_ms(bin integer) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN bin <= 0 THEN 0 ELSE exp(-2.302585092994046 + (bin - 1) * 11.51292546497023 / 288) END
$$;
COMMENT ON FUNCTION latency_bin_from_ms(integer) IS 'The least latency of a bin, ms; it ends where the next begins';

CREATE FUNCTION latency_bin_ms(bin integer) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN bin <= 0 THEN 0.05
    WHEN bin >= 289 THEN 10000
    ELSE exp(-2.302585092994046 + (bin - 1) * 11.51292546497023 / 288) * 1.019985
  END
$$;
COMMENT ON FUNCTION latency_bin_ms(integer) IS 'The latency that a bin stands for, ms: it differs from each of the bin by less than 2 %';

CREATE FUNCTION latency_quantile(bins bigint[], q double precision) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  entry bigint;
  total bigint := 0;
  seen bigint := 0;
  rank bigint;
BEGIN
  IF bins IS NULL OR q IS NULL THEN RETURN NULL; END IF;
  FOREACH entry IN ARRAY bins LOOP total := total + (entry & 281474976710655); END LOOP;
  rank := greatest(1, ceil(q * total)::bigint);
  FOREACH entry IN ARRAY bins LOOP
    seen := seen + (entry & 281474976710655);
    IF seen >= rank THEN RETURN latency_bin_ms((entry >> 48)::integer); END IF;
  END LOOP;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION latency_quantile(bigint[], double precision) IS 'Quantile q (0 to 1) of a distribution, ms: that of the value at rank ceil(q * number), within 2 %; null for no events';

CREATE FUNCTION latency_quantile(
  bins bigint[], q double precision, min_ms double precision, max_ms double precision
) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN bins IS NULL THEN NULL ELSE least(greatest(latency_quantile(bins, q), min_ms), max_ms) END
$$;
COMMENT ON FUNCTION latency_quantile(bigint[], double precision, double precision, double precision) IS 'The same, within the least and the most latency';

CREATE FUNCTION latency_bins_add(state bigint[], bins bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  entry bigint;
  bin integer;
BEGIN
  IF bins IS NULL THEN RETURN state; END IF;
  FOREACH entry IN ARRAY bins LOOP
    bin := (entry >> 48)::integer + 1;
    state[bin] := state[bin] + (entry & 281474976710655);
  END LOOP;
  RETURN state;
END
$$;
COMMENT ON FUNCTION latency_bins_add(bigint[], bigint[]) IS 'A step of latency_merge: adds a distribution to the numbers of all 290 bins';

CREATE FUNCTION latency_bins_combine(left_state bigint[], right_state bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT array_agg(l + r ORDER BY n) FROM unnest(left_state, right_state) WITH ORDINALITY AS both_states (l, r, n)
$$;
COMMENT ON FUNCTION latency_bins_combine(bigint[], bigint[]) IS 'Joins the numbers of two workers of latency_merge';

CREATE FUNCTION latency_bins_of(state bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT array_agg(((n - 1) << 48) + count ORDER BY n) FROM unnest(state) WITH ORDINALITY AS numbers (count, n) WHERE count > 0
$$;
COMMENT ON FUNCTION latency_bins_of(bigint[]) IS 'A distribution of the numbers of all 290 bins; null for no events';

DO $$
BEGIN
  EXECUTE format(
    'CREATE AGGREGATE latency_merge(bigint[]) (
       sfunc = latency_bins_add, stype = bigint[], combinefunc = latency_bins_combine, finalfunc = latency_bins_of,
       initcond = %L, parallel = safe)',
    array_fill(0::bigint, ARRAY[290]));
END
$$;
COMMENT ON AGGREGATE latency_merge(bigint[]) IS 'Merges distributions of latency; null for none';

-- Marks what a statement has inserted. Minutes that have not ended are due at their end.
CREATE FUNCTION rollup_mark(p_nodes text[], p_times timestamptz[]) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
  INSERT INTO rollup_marks (width_min, due_at, pairs, first_minute, last_minute, nodes, minutes)
  SELECT 1, due_at, count(*), min(minute), max(minute), array_agg(node), array_agg(minute)
  FROM (
    SELECT DISTINCT node, minute,
           CASE
             WHEN minute < floor(extract(epoch FROM now()) / 60) THEN now()
             ELSE least(to_timestamp((minute + 1) * 60::bigint), now() + interval '1 minute')
           END AS due_at
    FROM (
      SELECT node, floor(extract(epoch FROM time) / 60)::integer AS minute
      FROM unnest(p_nodes, p_times) AS pair (node, time)
      WHERE time BETWEEN '0001-01-01' AND '4000-01-01'
    ) AS pairs
  ) AS pairs
  GROUP BY due_at
$$;
COMMENT ON FUNCTION rollup_mark(text[], timestamptz[]) IS 'Marks the minutes of these nodes and times, whose roll-ups are then computed again. Who inserts into metrics calls it in the same transaction; UPDATE and DELETE mark by themselves';
REVOKE ALL ON FUNCTION rollup_mark(text[], timestamptz[]) FROM PUBLIC;

-- An INSERT trigger that sees the rows would cost a fifth of a COPY's CPU, because rows are then inserted one by one. A writer
-- marks by itself instead (rollup_mark) and says so: SET fiberstream.marks = 'by-writer'. After the statement of another
-- writer all rows of metrics are compared with the roll-ups again.
CREATE TABLE rollup_unmarked (
  inserted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE rollup_unmarked IS 'Statements that inserted into metrics and did not mark what';
COMMENT ON COLUMN rollup_unmarked.inserted_at IS 'When their transactions began';

CREATE FUNCTION rollup_note_unmarked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
  IF current_setting('fiberstream.marks', true) IS DISTINCT FROM 'by-writer' THEN
    INSERT INTO rollup_unmarked DEFAULT VALUES;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER rollup_note_insert AFTER INSERT ON metrics
  FOR EACH STATEMENT EXECUTE FUNCTION rollup_note_unmarked();

CREATE FUNCTION rollup_mark_updated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
  PERFORM rollup_mark(array_agg(node_id::text), array_agg(bucket))
  FROM (SELECT DISTINCT node_id, time_bucket('1 minute', time) AS bucket FROM changed) AS pairs;
  RETURN NULL;
END
$$;
CREATE TRIGGER rollup_mark_update AFTER UPDATE ON metrics
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION rollup_mark_updated();

-- Row by row, because the Community edition refuses to compress a table whose DELETE trigger sees all rows at once. Rows of
-- one node and minute that follow one another in a transaction are marked once.
CREATE FUNCTION rollup_mark_removed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  v_minute integer;
  v_pair text;
BEGIN
  IF OLD.time NOT BETWEEN '0001-01-01' AND '4000-01-01' THEN RETURN NULL; END IF;
  v_minute := floor(extract(epoch FROM OLD.time) / 60);
  v_pair := pg_current_xact_id()::text || ' ' || v_minute || ' ' || OLD.node_id;
  IF current_setting('fiberstream.marked_last', true) = v_pair THEN RETURN NULL; END IF;
  INSERT INTO rollup_marks (width_min, due_at, pairs, first_minute, last_minute, nodes, minutes)
  VALUES (1, now(), 1, v_minute, v_minute, ARRAY[OLD.node_id::text], ARRAY[v_minute]);
  PERFORM set_config('fiberstream.marked_last', v_pair, false);
  RETURN NULL;
END
$$;
CREATE TRIGGER rollup_mark_delete AFTER DELETE ON metrics
  FOR EACH ROW EXECUTE FUNCTION rollup_mark_removed();
CREATE TRIGGER rollup_mark_moved AFTER UPDATE OF time, node_id ON metrics
  FOR EACH ROW EXECUTE FUNCTION rollup_mark_removed();
