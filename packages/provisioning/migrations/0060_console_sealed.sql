-- The console has to know up to when minutes of series with few events are left out.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_console') THEN
    GRANT SELECT (sealed_before) ON rollup_state TO fiberstream_console;
  END IF;
END
$$;
