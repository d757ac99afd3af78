-- Only a table's owner may drop its chunks. The sink is none: it may ask for this, which drops what is
-- older than the migration step was told to keep, and nothing else.
CREATE FUNCTION drop_old_chunks() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  keep interval := (SELECT drop_after FROM data_lifecycle WHERE relation = 'metrics');
BEGIN
  IF keep IS NULL THEN RETURN 0; END IF;
  RETURN (SELECT count(*) FROM drop_chunks('metrics', older_than => now() - keep));
END
$$;
COMMENT ON FUNCTION drop_old_chunks() IS 'Drops chunks of metrics that are older than data_lifecycle says; returns how many';

REVOKE ALL ON FUNCTION drop_old_chunks() FROM PUBLIC;
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_sink') THEN
    GRANT EXECUTE ON FUNCTION drop_old_chunks() TO fiberstream_sink;
  END IF;
END
$$;
