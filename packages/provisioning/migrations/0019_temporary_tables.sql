-- The sink compares repeats in a temporary table. By default everybody may make some; where that was
-- revoked (REVOKE TEMPORARY ... FROM PUBLIC) the sink stopped at its first repeat.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_sink') THEN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO fiberstream_sink', current_database());
  END IF;
EXCEPTION
  WHEN insufficient_privilege THEN
    RAISE NOTICE 'fiberstream_sink is not granted TEMPORARY: this user may not grant it';
END
$$;
