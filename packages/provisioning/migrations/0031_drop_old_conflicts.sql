-- The sink may ask for what is older than the migration step was told to keep to be dropped, and nothing else. Some
-- rows at a time, so that a call is short; those that another sink is dropping are left to it.
CREATE FUNCTION drop_old_conflicts() RETURNS integer
LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
  WITH old AS (
    SELECT metric_conflicts.ctid
    FROM metric_conflicts
    WHERE detected_at < now() - (
      SELECT drop_after FROM data_lifecycle WHERE relation = 'metric_conflicts'
    )
    ORDER BY detected_at
    LIMIT 10000
    FOR UPDATE SKIP LOCKED
  ), dropped AS (
    DELETE FROM metric_conflicts USING old WHERE metric_conflicts.ctid = old.ctid RETURNING 1
  )
  SELECT count(*)::integer FROM dropped
$$;
COMMENT ON FUNCTION drop_old_conflicts() IS 'Drops up to 10,000 rows of metric_conflicts that are older than data_lifecycle says; returns how many';

REVOKE ALL ON FUNCTION drop_old_conflicts() FROM PUBLIC;
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_sink') THEN
    GRANT EXECUTE ON FUNCTION drop_old_conflicts() TO fiberstream_sink;
  END IF;
END
$$;
