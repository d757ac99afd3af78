-- The console may keep data longer than the deploy step says, and go back to that. It may never keep it shorter: whoever takes the
-- console over cannot make the sink drop what was measured.
ALTER TABLE data_lifecycle ADD COLUMN deployed_drop_after interval;
UPDATE data_lifecycle SET deployed_drop_after = drop_after;
COMMENT ON COLUMN data_lifecycle.deployed_drop_after IS 'What the migration step last set; drop_after is longer while the console keeps the data longer';
COMMENT ON COLUMN data_lifecycle.drop_after IS 'Age from which it is dropped, a chunk at a time; the migration step and the console set it';

-- A roll-up is computed from the next finer one, and the finest from rows.
CREATE FUNCTION retention_contradiction() RETURNS text
LANGUAGE sql STABLE
SET search_path = public, pg_temp
AS $$
  WITH kept AS (
    SELECT place, name, extract(day FROM justify_hours(drop_after))::integer AS days
    FROM (VALUES (1, 'RETENTION_RAW_DAYS', 'metrics'), (2, 'RETENTION_MINUTES_DAYS', 'metrics_1m'),
                 (3, 'RETENTION_HOURLY_DAYS', 'metrics_1h'), (4, 'RETENTION_DAILY_DAYS', 'metrics_1d'))
      AS names (place, name, relation)
    JOIN data_lifecycle USING (relation)
  )
  SELECT format('%s (%s) is less than %s (%s): a roll-up cannot be dropped before what it is computed from',
                coarser.name, coarser.days, finer.name, finer.days)
  FROM kept AS finer JOIN kept AS coarser ON coarser.place = finer.place + 1
  WHERE coarser.days < finer.days
  ORDER BY finer.place LIMIT 1
$$;
COMMENT ON FUNCTION retention_contradiction() IS 'Returns why the settings of data_lifecycle contradict each other; null: they do not';

CREATE FUNCTION change_retention(
  raw_days integer, minutes_days integer, hourly_days integer, daily_days integer, conflicts_days integer, history_days integer
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  refused text;
BEGIN
  -- Held by the migration step while it sets them.
  PERFORM pg_advisory_xact_lock(4130772501);
  UPDATE data_lifecycle AS stored SET drop_after = make_interval(days => wanted.days)
  FROM (VALUES
    ('metrics', raw_days), ('metrics_1m', minutes_days), ('metrics_5m', minutes_days), ('metrics_region_1m', minutes_days),
    ('metrics_region_5m', minutes_days), ('metrics_1h', hourly_days), ('metrics_region_1h', hourly_days),
    ('metrics_1d', daily_days), ('metrics_region_1d', daily_days), ('metric_conflicts', conflicts_days),
    ('node_alerts', history_days), ('changes', history_days)
  ) AS wanted (relation, days)
  WHERE stored.relation = wanted.relation AND stored.drop_after IS DISTINCT FROM make_interval(days => wanted.days);
  SELECT format('%s may not be kept for less than %s days, which the migration step has set (RETENTION_..._DAYS)',
                relation, extract(day FROM justify_hours(deployed_drop_after))) INTO refused
  FROM data_lifecycle WHERE drop_after < deployed_drop_after ORDER BY relation LIMIT 1;
  refused := coalesce(refused, retention_contradiction());
  IF refused IS NULL AND EXISTS (SELECT FROM data_lifecycle WHERE drop_after > interval '36500 days') THEN
    refused := 'nothing may be kept for more than 36500 days';
  END IF;
  IF refused IS NOT NULL THEN RAISE EXCEPTION '%', refused USING ERRCODE = 'check_violation'; END IF;
END
$$;
COMMENT ON FUNCTION change_retention(integer, integer, integer, integer, integer, integer) IS 'Sets how many days data is kept: at least as long as the migration step has set';
REVOKE ALL ON FUNCTION retention_contradiction(), change_retention(integer, integer, integer, integer, integer, integer) FROM PUBLIC;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_console') THEN
    GRANT EXECUTE ON FUNCTION change_retention(integer, integer, integer, integer, integer, integer) TO fiberstream_console;
  END IF;
END
$$;
