-- For Grafana and analysts: sees everything, changes nothing. It cannot log in by itself: give it to
-- those who may (GRANT fiberstream_reader TO grafana).
DO $$
BEGIN
  CREATE ROLE fiberstream_reader NOLOGIN;
EXCEPTION
  -- Another database of the server has made it, maybe at this moment.
  WHEN duplicate_object OR unique_violation THEN NULL;
  WHEN insufficient_privilege THEN
    RAISE NOTICE 'role fiberstream_reader is left out: this user may not create roles';
END
$$;
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    GRANT USAGE ON SCHEMA public TO fiberstream_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO fiberstream_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO fiberstream_reader;
  END IF;
END
$$;
