-- Key ids made from now on carry a tag by this secret, so that gateways tell an invented id without asking anybody.
CREATE TABLE key_id_secret (
  is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
  secret bytea NOT NULL CHECK (length(secret) >= 32)
);

COMMENT ON TABLE key_id_secret IS 'What key ids are tagged with; whoever knows it can invent ids that gateways have to look up, and no more';
COMMENT ON COLUMN key_id_secret.is_only_row IS 'Always true, so that there is one row';
COMMENT ON COLUMN key_id_secret.secret IS 'Random bytes; with others every key has to be made anew';

-- 244 bits of the server's strong randomness; gen_random_bytes would need an extension.
INSERT INTO key_id_secret (secret) VALUES (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_gateway') THEN
    GRANT SELECT ON key_id_secret TO fiberstream_gateway;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    REVOKE ALL ON key_id_secret FROM fiberstream_reader;
  END IF;
END
$$;
