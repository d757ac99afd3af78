-- The console asks how many series a question would return before it reads them, and whose a node's events of a day were.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_console') THEN
    GRANT SELECT ON rollup_series TO fiberstream_console;
  END IF;
END
$$;
