-- What each service may do, and nothing else. The roles cannot log in until the migration step is given
-- their passwords; a user of one's own may be made a member instead (GRANT fiberstream_sink TO ...).
-- A later file that adds a table grants it here to whom it serves.
DO $$
DECLARE
  service text;
BEGIN
  FOREACH service IN ARRAY ARRAY['fiberstream_gateway', 'fiberstream_processor', 'fiberstream_sink']
  LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', service);
    EXCEPTION
      -- Another database of the server has made it, maybe at this moment.
      WHEN duplicate_object OR unique_violation THEN NULL;
      WHEN insufficient_privilege THEN
        RAISE NOTICE 'role % is left out: this user may not create roles', service;
    END;
  END LOOP;
END
$$;

-- Roles that could not be made are passed over: then the services come as the owner of the tables.
DO $$
DECLARE
  permit record;
BEGIN
  FOR permit IN
    SELECT * FROM (VALUES
      ('fiberstream_gateway', 'GRANT USAGE ON SCHEMA public'),
      ('fiberstream_gateway', 'GRANT SELECT ON api_keys'),

      ('fiberstream_processor', 'GRANT USAGE ON SCHEMA public'),
      ('fiberstream_processor', 'GRANT SELECT ON nodes'),
      ('fiberstream_processor', 'GRANT INSERT (node_id, country, region) ON nodes'),
      ('fiberstream_processor', 'GRANT UPDATE (published_revision) ON nodes'),

      ('fiberstream_sink', 'GRANT USAGE ON SCHEMA public'),
      ('fiberstream_sink', 'GRANT SELECT, INSERT ON metrics'),
      ('fiberstream_sink', 'GRANT SELECT, INSERT ON metric_conflicts'),
      ('fiberstream_sink', 'GRANT SELECT, INSERT, UPDATE ON sink_offsets'),
      ('fiberstream_sink', 'GRANT SELECT ON nodes'),
      ('fiberstream_sink', 'GRANT INSERT (node_id, status, last_seen_at, country, region) ON nodes'),
      ('fiberstream_sink', 'GRANT UPDATE (status, silent_since, last_seen_at) ON nodes'),
      ('fiberstream_sink', 'GRANT SELECT ON data_lifecycle')
    ) AS permits (service, permission)
  LOOP
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = permit.service) THEN
      EXECUTE format('%s TO %I', permit.permission, permit.service);
    END IF;
  END LOOP;

  -- Readers see everything but who may send.
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    REVOKE ALL ON api_keys FROM fiberstream_reader;
  END IF;
END
$$;
