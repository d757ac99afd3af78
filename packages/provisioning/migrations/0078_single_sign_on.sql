-- What consoles have to remember in common about sign-ins: logout tokens that were used, and codes of `fiber login`.
CREATE TABLE used_logout_tokens (
  issuer text NOT NULL,
  jti text NOT NULL CHECK (length(jti) <= 255),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (issuer, jti)
);
CREATE INDEX used_logout_tokens_expires_at ON used_logout_tokens (expires_at);
COMMENT ON TABLE used_logout_tokens IS 'Logout tokens of the identity provider that have ended sessions; none does it twice';
COMMENT ON COLUMN used_logout_tokens.issuer IS 'The provider';
COMMENT ON COLUMN used_logout_tokens.jti IS 'Id of the token';
COMMENT ON COLUMN used_logout_tokens.expires_at IS 'From when on the token is rejected because of its age, so that the row can be deleted';

CREATE TABLE login_codes (
  code_sha256 bytea PRIMARY KEY CHECK (length(code_sha256) = 32),
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  challenge text NOT NULL CHECK (challenge ~ '^[A-Za-z0-9_-]{43}$'),
  host text NOT NULL CHECK (length(host) <= 64),
  expires_at timestamptz NOT NULL
);
CREATE INDEX login_codes_user_id ON login_codes (user_id);
CREATE INDEX login_codes_expires_at ON login_codes (expires_at);
COMMENT ON TABLE login_codes IS 'One-time codes with which fiber login gets a personal token; deleted when used';
COMMENT ON COLUMN login_codes.code_sha256 IS 'SHA-256 of the code, which is 256 random bits and stored nowhere';
COMMENT ON COLUMN login_codes.user_id IS 'Who has allowed it';
COMMENT ON COLUMN login_codes.challenge IS 'SHA-256 of the secret of the program that may use it, as base64url';
COMMENT ON COLUMN login_codes.host IS 'What the program says of its machine';
COMMENT ON COLUMN login_codes.expires_at IS 'From when on it is refused';

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    REVOKE ALL ON used_logout_tokens, login_codes FROM fiberstream_reader;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_console') THEN
    GRANT SELECT, DELETE ON used_logout_tokens, login_codes TO fiberstream_console;
    GRANT INSERT (issuer, jti, expires_at) ON used_logout_tokens TO fiberstream_console;
    GRANT INSERT (code_sha256, user_id, challenge, host, expires_at) ON login_codes TO fiberstream_console;
  END IF;
END
$$;
