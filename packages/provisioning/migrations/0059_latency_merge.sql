-- latency_merge began with the numbers of all 290 bins and returned through them, also when a group had one distribution or a
-- few events: 180 us for each bucket of a node that sends once a minute. The state now is one of three, by what it has to hold:
-- a distribution as it is; -1 and the entries of several, as long as they are few; or the numbers of all bins, from subscript 0.
CREATE OR REPLACE FUNCTION latency_bins_add(state bigint[], bins bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  entry bigint;
  bin integer;
  numbers bigint[];
BEGIN
  IF bins IS NULL THEN RETURN state; END IF;
  IF state IS NULL THEN RETURN bins; END IF;
  IF array_lower(state, 1) = 0 THEN
    FOREACH entry IN ARRAY bins LOOP
      bin := (entry >> 48)::integer;
      state[bin] := state[bin] + (entry & 281474976710655);
    END LOOP;
    RETURN state;
  END IF;
  IF cardinality(state) + cardinality(bins) < 256 THEN
    RETURN CASE WHEN state[1] = -1 THEN state || bins ELSE -1 || state || bins END;
  END IF;
  numbers := array_fill(0::bigint, ARRAY[290], ARRAY[0]);
  FOREACH entry IN ARRAY state || bins LOOP
    CONTINUE WHEN entry = -1;
    bin := (entry >> 48)::integer;
    numbers[bin] := numbers[bin] + (entry & 281474976710655);
  END LOOP;
  RETURN numbers;
END
$$;

CREATE OR REPLACE FUNCTION latency_bins_combine(left_state bigint[], right_state bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  bin integer;
BEGIN
  IF right_state IS NULL THEN RETURN left_state; END IF;
  IF left_state IS NULL THEN RETURN right_state; END IF;
  IF array_lower(right_state, 1) <> 0 THEN
    RETURN latency_bins_add(left_state, array_remove(right_state, -1::bigint));
  END IF;
  IF array_lower(left_state, 1) <> 0 THEN
    RETURN latency_bins_add(right_state, array_remove(left_state, -1::bigint));
  END IF;
  FOR bin IN 0 .. 289 LOOP
    left_state[bin] := left_state[bin] + right_state[bin];
  END LOOP;
  RETURN left_state;
END
$$;

CREATE OR REPLACE FUNCTION latency_bins_of(state bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF array_lower(state, 1) = 0 THEN
    RETURN (SELECT array_agg(((n - 1) << 48) + count ORDER BY n)
            FROM unnest(state) WITH ORDINALITY AS numbers (count, n) WHERE count > 0);
  END IF;
  IF state[1] = -1 THEN
    RETURN (SELECT array_agg((bin << 48) + count ORDER BY bin)
            FROM (SELECT entry >> 48 AS bin, sum(entry & 281474976710655)::bigint AS count
                  FROM unnest(state) AS entry WHERE entry >= 0 GROUP BY 1) AS sums);
  END IF;
  RETURN state;
END
$$;
COMMENT ON FUNCTION latency_bins_add(bigint[], bigint[]) IS 'A step of latency_merge: adds a distribution to the state';
COMMENT ON FUNCTION latency_bins_combine(bigint[], bigint[]) IS 'Joins the states of two workers of latency_merge';
COMMENT ON FUNCTION latency_bins_of(bigint[]) IS 'The distribution of a state of latency_merge; null for no events';

-- Without an initial state.
CREATE OR REPLACE AGGREGATE latency_merge(bigint[]) (
  sfunc = latency_bins_add, stype = bigint[], combinefunc = latency_bins_combine, finalfunc = latency_bins_of, parallel = safe
);
