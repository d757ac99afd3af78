-- Who may ask the query API. Apart from the keys of senders: a probe's key cannot read, and a reader's cannot send.
CREATE TABLE reader_keys (
  key_id text PRIMARY KEY CHECK (key_id ~ '^[a-z0-9]{8,32}$'),
  secret_sha256 bytea NOT NULL CHECK (length(secret_sha256) = 32),
  tenant text CHECK (tenant ~ '^[A-Za-z0-9._-]{1,63}$'),
  may_change_nodes boolean NOT NULL DEFAULT false,
  rate_per_second double precision CHECK (rate_per_second > 0),
  burst double precision CHECK (burst >= 1),
  note text,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  CHECK ((rate_per_second IS NULL) = (burst IS NULL))
);

COMMENT ON TABLE reader_keys IS 'Who may ask the query API, and what else they may do';
COMMENT ON COLUMN reader_keys.key_id IS 'Names the key in tokens, logs and commands; no secret';
COMMENT ON COLUMN reader_keys.secret_sha256 IS 'SHA-256 of the secret, which is 256 random bits and stored nowhere';
COMMENT ON COLUMN reader_keys.tenant IS 'Whose data it may read; null: of all tenants';
COMMENT ON COLUMN reader_keys.may_change_nodes IS 'Whether it may register, edit and delete nodes';
COMMENT ON COLUMN reader_keys.rate_per_second IS 'Cost of questions that its bucket gains each second; null: as the console''s settings say';
COMMENT ON COLUMN reader_keys.burst IS 'Cost of questions that its bucket holds; null as rate_per_second';
COMMENT ON COLUMN reader_keys.note IS 'What an operator wrote about it';
COMMENT ON COLUMN reader_keys.created_at IS 'When it was created';
COMMENT ON COLUMN reader_keys.expires_at IS 'From when on it is refused; null: never';
COMMENT ON COLUMN reader_keys.revoked_at IS 'When it was revoked';

-- The console reads what readers read, and edits what an operator may edit of a node.
DO $$
BEGIN
  CREATE ROLE fiberstream_console NOLOGIN;
EXCEPTION
  -- Another database of the server has made it, maybe at this moment.
  WHEN duplicate_object OR unique_violation THEN NULL;
  WHEN insufficient_privilege THEN
    RAISE NOTICE 'role fiberstream_console is left out: this user may not create roles';
END
$$;
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    REVOKE ALL ON reader_keys FROM fiberstream_reader;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_console') THEN
    GRANT USAGE ON SCHEMA public TO fiberstream_console;
    -- Only what is there by now: a later file that adds a table grants it to the console, if it answers from it.
    GRANT SELECT ON
      metrics, nodes, metric_conflicts, metric_quality_daily, metric_quality_days, sink_offsets,
      reconciliation_books, reconciliation_positions, reconciliation_breaks, reconciled_minutes,
      metrics_latest, metrics_enriched, data_lifecycle, reader_keys, key_id_secret
      TO fiberstream_console;
    GRANT INSERT (node_id, node_name, display_name, country, region, city, lat, lng, tags)
      ON nodes TO fiberstream_console;
    GRANT UPDATE (display_name, status, country, region, city, lat, lng, tags)
      ON nodes TO fiberstream_console;
  END IF;
END
$$;
