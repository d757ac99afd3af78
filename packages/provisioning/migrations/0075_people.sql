-- People: who they are, what is granted to them, and how they sign in. Keys (api_keys, reader_keys) are apart: they are of programs.
CREATE TABLE users (
  user_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  kind text NOT NULL CHECK (kind IN ('local', 'oidc')),
  name text NOT NULL CHECK (name <> '' AND length(name) <= 200 AND name !~ '[[:cntrl:]]'),
  issuer text CHECK (length(issuer) <= 500),
  subject text CHECK (length(subject) <= 255),
  password_hash text CHECK (length(password_hash) <= 500),
  password_changed_at timestamptz,
  totp_secret bytea CHECK (length(totp_secret) BETWEEN 16 AND 64),
  totp_confirmed_at timestamptz,
  totp_last_step bigint,
  recovery_codes bytea[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  last_signed_in_at timestamptz,
  disabled_at timestamptz,
  CHECK ((kind = 'oidc') = (issuer IS NOT NULL)),
  CHECK ((kind = 'oidc') = (subject IS NOT NULL)),
  -- Only of local users there is anything to guess.
  CHECK (kind = 'local' OR (password_hash IS NULL AND totp_secret IS NULL)),
  CHECK (kind <> 'local' OR name ~ '^[A-Za-z0-9._@+-]{1,100}$'),
  CHECK (totp_confirmed_at IS NULL OR totp_secret IS NOT NULL)
);
CREATE UNIQUE INDEX users_local_names ON users (lower(name)) WHERE kind = 'local';
CREATE UNIQUE INDEX users_of_providers ON users (issuer, subject) WHERE kind = 'oidc';

COMMENT ON TABLE users IS 'People who sign in to the console';
COMMENT ON COLUMN users.user_id IS 'Names the person in logs, jobs and the audit log';
COMMENT ON COLUMN users.kind IS 'local: signs in by a password; oidc: by an identity provider';
COMMENT ON COLUMN users.name IS 'Of a local user what they sign in with, in any case; else what the provider calls them';
COMMENT ON COLUMN users.issuer IS 'Identity provider; null: local';
COMMENT ON COLUMN users.subject IS 'What the identity provider names the person by; null: local';
COMMENT ON COLUMN users.password_hash IS 'scrypt with its parameters and salt; null: has no password, and signs in by a one-time link or a provider';
COMMENT ON COLUMN users.password_changed_at IS 'When the password was set last';
COMMENT ON COLUMN users.totp_secret IS 'Shared secret of the authenticator app (RFC 6238); null: none';
COMMENT ON COLUMN users.totp_confirmed_at IS 'Since when signing in needs a code; null: it needs none';
COMMENT ON COLUMN users.totp_last_step IS 'Time step of the last code that was accepted: no code is accepted twice';
COMMENT ON COLUMN users.recovery_codes IS 'SHA-256 of the recovery codes that are left, 80 random bits each';
COMMENT ON COLUMN users.created_at IS 'When the user was created';
COMMENT ON COLUMN users.last_signed_in_at IS 'When the user signed in last';
COMMENT ON COLUMN users.disabled_at IS 'Since when the user may do nothing; null: is not disabled';

CREATE TABLE grants (
  grant_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin', 'auditor')),
  tenant text NOT NULL DEFAULT '*' CHECK (tenant = '*' OR tenant ~ '^[A-Za-z0-9._-]{1,63}$'),
  node_pattern text NOT NULL DEFAULT '*' CHECK (node_pattern ~ '^[^*]{0,50}[*]?$' AND node_pattern <> ''),
  source text NOT NULL DEFAULT 'local' CHECK (source IN ('local', 'oidc')),
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (user_id, role, tenant, node_pattern, source)
);

COMMENT ON TABLE grants IS 'What people may do: each grant is a role, in a tenant or all, for nodes by a pattern';
COMMENT ON COLUMN grants.grant_id IS 'Names the grant';
COMMENT ON COLUMN grants.user_id IS 'Whose grant it is';
COMMENT ON COLUMN grants.role IS 'viewer, operator, admin or auditor; docs/access.md says what each may do';
COMMENT ON COLUMN grants.tenant IS 'Tenant that it is for; *: all';
COMMENT ON COLUMN grants.node_pattern IS 'Nodes that it is for, as api_keys.node_pattern; *: all';
COMMENT ON COLUMN grants.source IS 'local: made by an admin; oidc: follows from the groups that the identity provider said';
COMMENT ON COLUMN grants.created_at IS 'When it was made';

-- A session's rights are read with all grants of its user.
CREATE FUNCTION grants_bounded() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  -- Two that are inserted at once count one after the other.
  PERFORM FROM public.users WHERE user_id = NEW.user_id FOR NO KEY UPDATE;
  IF (SELECT count(*) FROM public.grants WHERE user_id = NEW.user_id) > 100 THEN
    RAISE EXCEPTION 'a user may have at most 100 grants' USING ERRCODE = 'check_violation', CONSTRAINT = 'grants_bounded';
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION grants_bounded() IS 'Trigger: refuses the 101st grant of a user';
CREATE TRIGGER grants_bounded AFTER INSERT ON grants FOR EACH ROW EXECUTE FUNCTION grants_bounded();

CREATE TABLE sessions (
  session_sha256 bytea PRIMARY KEY CHECK (length(session_sha256) = 32),
  session_id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  method text NOT NULL CHECK (method IN ('password', 'oidc', 'link')),
  created_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  address text CHECK (length(address) <= 100),
  user_agent text CHECK (length(user_agent) <= 200),
  id_token_sid text CHECK (length(id_token_sid) <= 255)
);
CREATE INDEX sessions_of_users ON sessions (user_id);
CREATE INDEX sessions_of_providers ON sessions (id_token_sid) WHERE id_token_sid IS NOT NULL;
CREATE INDEX sessions_expired ON sessions (expires_at);

COMMENT ON TABLE sessions IS 'People who are signed in; a session that ends is deleted';
COMMENT ON COLUMN sessions.session_sha256 IS 'SHA-256 of the token in the cookie, which is 256 random bits and stored nowhere';
COMMENT ON COLUMN sessions.session_id IS 'Names the session in lists and in the audit log; no secret';
COMMENT ON COLUMN sessions.user_id IS 'Who is signed in';
COMMENT ON COLUMN sessions.method IS 'How they signed in: password, oidc (identity provider) or link (one-time link)';
COMMENT ON COLUMN sessions.created_at IS 'When they signed in';
COMMENT ON COLUMN sessions.last_seen_at IS 'When the session was last used, to about a minute; after 8 hours without use it has ended';
COMMENT ON COLUMN sessions.expires_at IS 'When it ends at the latest';
COMMENT ON COLUMN sessions.address IS 'Network address that they signed in from';
COMMENT ON COLUMN sessions.user_agent IS 'What the browser called itself';
COMMENT ON COLUMN sessions.id_token_sid IS 'Session at the identity provider, by which the provider ends it; null: none';

CREATE TABLE personal_tokens (
  token_id text PRIMARY KEY CHECK (token_id ~ '^[a-z0-9]{8,32}$'),
  secret_sha256 bytea NOT NULL CHECK (length(secret_sha256) = 32),
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  note text CHECK (length(note) <= 200),
  role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin', 'auditor')),
  tenant text NOT NULL DEFAULT '*' CHECK (tenant = '*' OR tenant ~ '^[A-Za-z0-9._-]{1,63}$'),
  node_pattern text NOT NULL DEFAULT '*' CHECK (node_pattern ~ '^[^*]{0,50}[*]?$' AND node_pattern <> ''),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  last_used_at timestamptz,
  revoked_at timestamptz
);
CREATE INDEX personal_tokens_of_users ON personal_tokens (user_id, created_at DESC);

COMMENT ON TABLE personal_tokens IS 'Tokens with which scripts of people ask; none can do more than its owner at that moment';
COMMENT ON COLUMN personal_tokens.token_id IS 'Names the token in lists, logs and the audit log; no secret';
COMMENT ON COLUMN personal_tokens.secret_sha256 IS 'SHA-256 of the secret, which is 256 random bits and stored nowhere';
COMMENT ON COLUMN personal_tokens.user_id IS 'Whose token it is';
COMMENT ON COLUMN personal_tokens.note IS 'What its owner wrote about it';
COMMENT ON COLUMN personal_tokens.role IS 'The most that it may do: what both this role and its owner may';
COMMENT ON COLUMN personal_tokens.tenant IS 'Tenant that it is bound to; *: those of its owner';
COMMENT ON COLUMN personal_tokens.node_pattern IS 'Nodes that it is bound to; *: those of its owner';
COMMENT ON COLUMN personal_tokens.created_at IS 'When it was created';
COMMENT ON COLUMN personal_tokens.expires_at IS 'From when on it is refused';
COMMENT ON COLUMN personal_tokens.last_used_at IS 'When it was last used, to about a minute; null: never';
COMMENT ON COLUMN personal_tokens.revoked_at IS 'When it was revoked';

-- Tries to sign in. A row is made before the password is compared, so that tries that come at once are counted, too.
CREATE TABLE sign_in_failures (
  subject_kind text NOT NULL CHECK (subject_kind IN ('account', 'address', 'device')),
  subject text NOT NULL CHECK (length(subject) <= 100),
  failures integer NOT NULL,
  last_at timestamptz NOT NULL,
  locked_until timestamptz NOT NULL,
  PRIMARY KEY (subject_kind, subject)
);
CREATE INDEX sign_in_failures_old ON sign_in_failures (last_at);

COMMENT ON TABLE sign_in_failures IS 'Tries to sign in that have failed, by whom they slow down';
COMMENT ON COLUMN sign_in_failures.subject_kind IS 'account: tries for a name from unknown browsers; device: from a browser that this account has signed in from; address: from a network address';
COMMENT ON COLUMN sign_in_failures.subject IS 'Digest of the name, whether or not there is such a user; the address, of IPv6 its /64; digest of the device';
COMMENT ON COLUMN sign_in_failures.failures IS 'How many have failed, none an hour or more after the one before';
COMMENT ON COLUMN sign_in_failures.last_at IS 'When the last one was';
COMMENT ON COLUMN sign_in_failures.locked_until IS 'Until when no further one is looked at';

CREATE TABLE one_time_links (
  link_sha256 bytea PRIMARY KEY CHECK (length(link_sha256) = 32),
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX one_time_links_of_users ON one_time_links (user_id);

COMMENT ON TABLE one_time_links IS 'Links that sign somebody in once; one that was used is deleted';
COMMENT ON COLUMN one_time_links.link_sha256 IS 'SHA-256 of the token in the link, which is 256 random bits and stored nowhere';
COMMENT ON COLUMN one_time_links.user_id IS 'Whom it signs in';
COMMENT ON COLUMN one_time_links.created_at IS 'When it was made';
COMMENT ON COLUMN one_time_links.expires_at IS 'From when on it is refused';

-- Signing in and out are entries of their own, which the console appends: a session changes with each use.
SELECT audit_table('users', 'user', 'user_id',
  withheld => 'name,subject,password_hash,totp_secret,recovery_codes', ignored => 'last_signed_in_at,totp_last_step');
SELECT audit_table('grants', 'grant', 'user_id,grant_id');
-- But an operator's session may end others' by hand.
SELECT audit_table(
  'sessions', 'session', 'user_id,session_id', withheld => 'session_sha256,id_token_sid', ignored => 'address,user_agent,last_seen_at',
  events => 'DELETE', only_when => 'audit_is_operator()'
);
SELECT audit_table('personal_tokens', 'token', 'token_id', withheld => 'secret_sha256', ignored => 'last_used_at');
SELECT audit_table('one_time_links', 'one_time_link', 'user_id', withheld => 'link_sha256');

DO $$
BEGIN
  -- The log takes the names of people from here.
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_audit_writer') THEN
    GRANT SELECT (user_id, name) ON users TO fiberstream_audit_writer;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    REVOKE ALL ON users, grants, sessions, personal_tokens, sign_in_failures, one_time_links FROM fiberstream_reader;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_console') THEN
    GRANT SELECT ON users, grants, sessions, personal_tokens, sign_in_failures, one_time_links TO fiberstream_console;
    GRANT INSERT (kind, name, issuer, subject) ON users TO fiberstream_console;
    -- Not kind, issuer and subject: nobody becomes somebody else.
    GRANT UPDATE (name, password_hash, password_changed_at, totp_secret, totp_confirmed_at, totp_last_step, recovery_codes,
                  last_signed_in_at, disabled_at)
      ON users TO fiberstream_console;
    GRANT INSERT (user_id, role, tenant, node_pattern, source), DELETE ON grants TO fiberstream_console;
    GRANT INSERT (session_sha256, user_id, method, expires_at, address, user_agent, id_token_sid), DELETE,
          UPDATE (last_seen_at)
      ON sessions TO fiberstream_console;
    GRANT INSERT (token_id, secret_sha256, user_id, note, role, tenant, node_pattern, expires_at),
          UPDATE (last_used_at, revoked_at)
      ON personal_tokens TO fiberstream_console;
    GRANT INSERT (subject_kind, subject, failures, last_at, locked_until), DELETE,
          UPDATE (failures, last_at, locked_until)
      ON sign_in_failures TO fiberstream_console;
    GRANT INSERT (link_sha256, user_id, expires_at), DELETE ON one_time_links TO fiberstream_console;
  END IF;
END
$$;
