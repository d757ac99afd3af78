-- When each key was last used, so that keys nobody needs are found. The services write it once a minute, for all keys together.
CREATE TABLE key_uses (
  key_id text PRIMARY KEY,
  last_used_at timestamptz NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE key_uses IS 'When keys of senders and readers were last used; no row: not since this was recorded';
COMMENT ON COLUMN key_uses.key_id IS 'Key of api_keys or reader_keys';
COMMENT ON COLUMN key_uses.last_used_at IS 'When, to about a minute';

-- A function, because the services may do no more than this. In the order of the ids, so that two of them do not wait for each other.
CREATE FUNCTION record_key_uses(used text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
  INSERT INTO key_uses AS known (key_id, last_used_at)
  SELECT id, now()
  FROM (SELECT DISTINCT id FROM unnest(used[1:1000]) AS id) AS ids
  WHERE EXISTS (SELECT FROM api_keys WHERE key_id = id) OR EXISTS (SELECT FROM reader_keys WHERE key_id = id)
  ORDER BY id
  ON CONFLICT (key_id) DO UPDATE SET last_used_at = excluded.last_used_at
  WHERE known.last_used_at < excluded.last_used_at - interval '30 seconds'
$$;
COMMENT ON FUNCTION record_key_uses(text[]) IS 'Records that keys, up to 1000, are used now';
REVOKE ALL ON FUNCTION record_key_uses(text[]) FROM PUBLIC;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    REVOKE ALL ON key_uses FROM fiberstream_reader;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_gateway') THEN
    GRANT EXECUTE ON FUNCTION record_key_uses(text[]) TO fiberstream_gateway;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_console') THEN
    GRANT EXECUTE ON FUNCTION record_key_uses(text[]) TO fiberstream_console;
    GRANT SELECT ON key_uses TO fiberstream_console;
    -- Administration of keys. Never a secret, and of a key that exists neither its tenant nor its secret.
    GRANT SELECT (key_id, jwt_subject, tenant, node_pattern, rate_per_second, burst, max_nodes, requires_signature, note,
                  created_at, expires_at, revoked_at)
      ON api_keys TO fiberstream_console;
    GRANT INSERT (key_id, secret_sha256, jwt_subject, tenant, node_pattern, rate_per_second, burst, max_nodes,
                  requires_signature, note, expires_at)
      ON api_keys TO fiberstream_console;
    GRANT UPDATE (node_pattern, rate_per_second, burst, max_nodes, note, expires_at, revoked_at)
      ON api_keys TO fiberstream_console;
    GRANT INSERT (key_id, secret_sha256, tenant, may_change_nodes, may_redrive, rate_per_second, burst, note, expires_at)
      ON reader_keys TO fiberstream_console;
    GRANT UPDATE (rate_per_second, burst, note, expires_at, revoked_at) ON reader_keys TO fiberstream_console;
    GRANT SELECT, INSERT (tenant, rate_per_second, burst), UPDATE (rate_per_second, burst), DELETE
      ON tenant_limits TO fiberstream_console;
  END IF;
END
$$;
