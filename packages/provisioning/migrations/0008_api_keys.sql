-- For exclusion over an ordinary column beside a range.
CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Ranges of texts by their bytes, so that the nodes that begin with a prefix are one range.
CREATE TYPE text_range AS RANGE (subtype = text, collation = "C");

-- 'accra-7' is that node alone, 'accra-*' all that begin with accra-, '*' all.
-- Node ids have at most 50 characters, so none with a prefix sorts above 51 times the last character.
CREATE FUNCTION node_pattern_range(pattern text) RETURNS text_range
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE
  WHEN pattern = '*' THEN text_range(NULL, NULL)
  WHEN right(pattern, 1) = '*'
    THEN text_range(left(pattern, -1), left(pattern, -1) || repeat(chr(1114111), 51), '[]')
  ELSE text_range(pattern, pattern, '[]')
END;

CREATE TABLE api_keys (
  key_id text PRIMARY KEY CHECK (key_id ~ '^[a-z0-9]{8,32}$'),
  secret_sha256 bytea CHECK (length(secret_sha256) = 32),
  jwt_subject text UNIQUE CHECK (jwt_subject <> '' AND length(jwt_subject) <= 255),
  tenant text NOT NULL CHECK (tenant ~ '^[A-Za-z0-9._-]{1,63}$'),
  node_pattern text NOT NULL CHECK (node_pattern ~ '^[^*]{0,50}[*]?$' AND node_pattern <> ''),
  rate_per_second double precision NOT NULL CHECK (rate_per_second > 0),
  burst double precision NOT NULL CHECK (burst >= 1),
  requires_signature boolean NOT NULL DEFAULT false,
  note text,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  CHECK ((secret_sha256 IS NULL) <> (jwt_subject IS NULL)),
  -- A signature is made with a secret.
  CHECK (NOT requires_signature OR secret_sha256 IS NOT NULL),
  CONSTRAINT api_keys_tenants_apart EXCLUDE USING gist (
    tenant WITH <>,
    node_pattern_range(node_pattern) WITH &&
  ) WHERE (revoked_at IS NULL)
);

COMMENT ON TABLE api_keys IS 'Who may send events, for which nodes and how many; a node belongs to one tenant only';
COMMENT ON COLUMN api_keys.key_id IS 'Names the key in tokens, logs and commands; no secret';
COMMENT ON COLUMN api_keys.secret_sha256 IS 'SHA-256 of the secret, which is 256 random bits and stored nowhere';
COMMENT ON COLUMN api_keys.jwt_subject IS 'In the place of a secret: the subject of the JWTs that this key stands for';
COMMENT ON COLUMN api_keys.tenant IS 'Whose events they are; travels with each event';
COMMENT ON COLUMN api_keys.node_pattern IS 'Nodes that the key may report for: one node id, or a prefix followed by *';
COMMENT ON COLUMN api_keys.rate_per_second IS 'Events that its bucket gains each second';
COMMENT ON COLUMN api_keys.burst IS 'Events that its bucket holds';
COMMENT ON COLUMN api_keys.requires_signature IS 'Whether each of its requests has to be signed';
COMMENT ON COLUMN api_keys.note IS 'What an operator wrote about it';
COMMENT ON COLUMN api_keys.created_at IS 'When it was created';
COMMENT ON COLUMN api_keys.expires_at IS 'From when on it is refused; null: never';
COMMENT ON COLUMN api_keys.revoked_at IS 'When it was revoked; its nodes are free for other tenants from then on';
