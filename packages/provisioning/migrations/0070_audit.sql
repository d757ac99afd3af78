-- Who changed what: one append-only log, written by one function in the transaction of the change. docs/audit.md says what is
-- logged and how the log is verified, docs/adr/0023-audit-trail.md why it is made like this.
CREATE TABLE audit_log (
  seq bigint PRIMARY KEY,
  at timestamptz NOT NULL,
  tenant text,
  actor_kind text NOT NULL,
  actor text NOT NULL,
  database_role text NOT NULL,
  session text,
  address text,
  request_id text,
  action text NOT NULL,
  object_kind text NOT NULL,
  object text NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('ok', 'denied', 'failed')),
  reason text,
  before jsonb,
  after jsonb,
  entry bytea NOT NULL,
  prev_hash bytea NOT NULL CHECK (length(prev_hash) = 32),
  hash bytea NOT NULL CHECK (length(hash) = 32)
);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_tenant ON audit_log (tenant, seq);
CREATE INDEX audit_log_actor ON audit_log (actor, seq);
CREATE INDEX audit_log_action ON audit_log (action, seq);
CREATE INDEX audit_log_object ON audit_log (object, seq);

COMMENT ON TABLE audit_log IS 'What people and tools changed, or tried to; append-only, each entry has the hash of the one before it';
COMMENT ON COLUMN audit_log.seq IS 'Number of the entry: 1, 2, 3 and so on without a gap';
COMMENT ON COLUMN audit_log.at IS 'When it was appended, by the clock of the database server';
COMMENT ON COLUMN audit_log.tenant IS 'Whose data it is about; null: the platform''s';
COMMENT ON COLUMN audit_log.actor_kind IS 'user, key, operator, service, system, anonymous; database: a session that did not say who acts';
COMMENT ON COLUMN audit_log.actor IS 'Id of who acted, as their service says; names are in actors';
COMMENT ON COLUMN audit_log.database_role IS 'Account of the database that the session logged in with';
COMMENT ON COLUMN audit_log.session IS 'Session of the user; null: none';
COMMENT ON COLUMN audit_log.address IS 'Network address that the request came from; null: none';
COMMENT ON COLUMN audit_log.request_id IS 'Id of the request; null: none';
COMMENT ON COLUMN audit_log.action IS 'What was done, such as node.changed';
COMMENT ON COLUMN audit_log.object_kind IS 'Kind of the object, such as node';
COMMENT ON COLUMN audit_log.object IS 'Id of the object';
COMMENT ON COLUMN audit_log.outcome IS 'ok; denied: the actor was not allowed to; failed';
COMMENT ON COLUMN audit_log.reason IS 'Why it was done, denied or failed';
COMMENT ON COLUMN audit_log.before IS 'What changed, as it was before; null: the object was new, or nothing was changed';
COMMENT ON COLUMN audit_log.after IS 'What changed, as it is since; null: the object was deleted, or nothing was changed';
COMMENT ON COLUMN audit_log.entry IS 'All columns before this one as JSON by RFC 8785, in UTF-8: what the hash is over';
COMMENT ON COLUMN audit_log.prev_hash IS 'Hash of the entry before; 32 zero bytes in the first one';
COMMENT ON COLUMN audit_log.hash IS 'SHA-256 of a zero byte, prev_hash and entry';

-- The writers queue here, so that the log has one order and no gap. The row never changes: a row that is updated for each entry
-- of a large transaction would have to be searched among as many dead versions of itself.
CREATE TABLE audit_lock (
  is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row)
);
INSERT INTO audit_lock DEFAULT VALUES;
COMMENT ON TABLE audit_lock IS 'One row, which a transaction locks from its first entry of audit_log until it ends';
COMMENT ON COLUMN audit_lock.is_only_row IS 'Always true, so that there is one row';

CREATE VIEW audit_head AS SELECT seq, hash, at FROM audit_log ORDER BY seq DESC LIMIT 1;
COMMENT ON VIEW audit_head IS 'The newest entry of audit_log; no row while there is none';
COMMENT ON COLUMN audit_head.seq IS 'Its number, so the size of the log';
COMMENT ON COLUMN audit_head.hash IS 'Its hash';
COMMENT ON COLUMN audit_head.at IS 'When it was appended';

CREATE TABLE actors (
  kind text NOT NULL,
  actor_id text NOT NULL,
  name text,
  first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  erased_at timestamptz,
  PRIMARY KEY (kind, actor_id)
);
-- An operator is known by name only; the log has the id that was drawn for it.
CREATE UNIQUE INDEX actors_operators ON actors (name) WHERE kind = 'operator';
COMMENT ON TABLE actors IS 'Names of those who act in audit_log, apart from it, so that a name can be erased and the hashes hold';
COMMENT ON COLUMN actors.kind IS 'As audit_log.actor_kind';
COMMENT ON COLUMN actors.actor_id IS 'As audit_log.actor';
COMMENT ON COLUMN actors.name IS 'Name; null: erased';
COMMENT ON COLUMN actors.first_seen_at IS 'When the first entry with the name was appended';
COMMENT ON COLUMN actors.erased_at IS 'When the name was erased; null: it was not';

-- RFC 8785 sorts members by UTF-16, which puts characters from U+10000 on before U+E000 to U+FFFF. Text of the collation "C"
-- sorts by code point, so the latter get a prefix that nothing else sorts above.
CREATE FUNCTION jcs_order(name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(
  replace(name, chr(1114111), chr(1114111) || chr(1)), '([\uE000-\uFFFF])', chr(1114111) || '\1', 'g'
) COLLATE "C";
COMMENT ON FUNCTION jcs_order(text) IS 'What members of an object are sorted by in RFC 8785';

-- JSON's numbers are doubles for RFC 8785. A number that a double does not hold, and any from 2^53 on, is written as a string.
CREATE FUNCTION jcs_number(value numeric) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET extra_float_digits = 1
AS $$
DECLARE
  size numeric := abs(value);
  shortest text;
BEGIN
  IF size = 0 THEN RETURN '0'; END IF;
  IF size >= 9007199254740992 OR size < 1e-300 THEN RETURN '"' || value || '"'; END IF;
  shortest := value::double precision::text;
  IF shortest::numeric <> value THEN RETURN '"' || value || '"'; END IF;
  IF size >= 1e-6 THEN RETURN trim_scale(value)::text; END IF;
  -- PostgreSQL writes 1e-07, JavaScript 1e-7.
  RETURN regexp_replace(shortest, 'e-0*', 'e-');
END
$$;
COMMENT ON FUNCTION jcs_number(numeric) IS 'Returns a number as RFC 8785 writes it; as a string when a double cannot hold it';

-- Strings are written by to_json, which escapes what RFC 8785 escapes, and in the same way.
CREATE FUNCTION jcs(value jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = public, pg_temp
AS $$
BEGIN
  RETURN CASE jsonb_typeof(value)
    WHEN 'object' THEN (
      SELECT '{' || coalesce(string_agg(to_json(name)::text || ':' || jcs(member), ',' ORDER BY jcs_order(name)), '') || '}'
      FROM jsonb_each(value) AS members (name, member))
    WHEN 'array' THEN (
      SELECT '[' || coalesce(string_agg(jcs(item), ',' ORDER BY place), '') || ']'
      FROM jsonb_array_elements(value) WITH ORDINALITY AS items (item, place))
    WHEN 'string' THEN to_json(value #>> '{}')::text
    WHEN 'number' THEN jcs_number((value #>> '{}')::numeric)
    ELSE value::text
  END;
END
$$;
COMMENT ON FUNCTION jcs(jsonb) IS 'Returns JSON in the canonical form of RFC 8785';

-- An entry has to fit a record of Kafka, and a change must not fail because it is large.
CREATE FUNCTION audit_bounded(value jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = public, pg_temp
AS $$
DECLARE
  bounded jsonb;
BEGIN
  IF octet_length(value::text) <= 16384 THEN RETURN value; END IF;
  IF jsonb_typeof(value) = 'object' THEN
    SELECT jsonb_object_agg(name, CASE WHEN octet_length(member::text) > 1024 THEN audit_digest(member) ELSE member END)
    INTO bounded FROM jsonb_each(value) AS members (name, member);
    IF octet_length(bounded::text) <= 65536 THEN RETURN bounded; END IF;
  END IF;
  RETURN audit_digest(value);
END
$$;
COMMENT ON FUNCTION audit_bounded(jsonb) IS 'Returns the value; of one over 16 kB, its members over 1 kB as size and SHA-256';

CREATE FUNCTION audit_digest(value jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN jsonb_build_object(
  'bytes', octet_length(value::text), 'sha256', encode(sha256(convert_to(value::text, 'UTF8')), 'hex')
);
COMMENT ON FUNCTION audit_digest(jsonb) IS 'Returns size and SHA-256 of a value that is too large for an entry';

-- The id that the log has for who acts. An operator is an account of some machine, which is a name. The name of a user is what the table
-- `users` (0075) says: any session can claim to be somebody, but it cannot rename them in entries that are there.
CREATE FUNCTION audit_actor(acting jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  acting_kind text := acting ->> 'kind';
  given_id text := left(acting ->> 'id', 200);
  known text;
BEGIN
  IF acting_kind IS DISTINCT FROM 'operator' THEN
    IF acting_kind = 'user' AND given_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
      INSERT INTO actors AS known_actor (kind, actor_id, name)
      SELECT 'user', given_id, left(users.name, 200) FROM users WHERE user_id = given_id::uuid
      ON CONFLICT (kind, actor_id) DO UPDATE SET name = excluded.name
      WHERE known_actor.erased_at IS NULL AND known_actor.name IS DISTINCT FROM excluded.name;
    END IF;
    RETURN given_id;
  END IF;
  SELECT actor_id INTO known FROM actors WHERE kind = 'operator' AND name = given_id;
  IF known IS NULL THEN
    known := 'operator-' || left(replace(gen_random_uuid()::text, '-', ''), 12);
    INSERT INTO actors (kind, actor_id, name) VALUES ('operator', known, given_id);
  END IF;
  RETURN known;
END
$$;
COMMENT ON FUNCTION audit_actor(jsonb) IS 'Returns the id that audit_log has for an actor, and keeps its name in actors';

-- Whether the session, or the role that it has taken, may do what fiberstream_operator may, so that an entry is appended of each of its
-- changes. Not superusers, who may do anything. ADMIN alone, which who creates a role gets, is no right to act.
CREATE FUNCTION audit_is_operator() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM pg_roles AS acting JOIN pg_roles AS operators ON operators.rolname = 'fiberstream_operator'
    WHERE acting.rolname IN (session_user, current_user) AND NOT acting.rolsuper
      AND pg_has_role(acting.oid, operators.oid, 'USAGE, SET'));
END
$$;
COMMENT ON FUNCTION audit_is_operator() IS 'Returns whether the session acts with the rights of fiberstream_operator; for conditions of triggers';

CREATE FUNCTION audit_append(
  action text,
  object_kind text,
  object text,
  outcome text DEFAULT 'ok',
  reason text DEFAULT NULL,
  before jsonb DEFAULT NULL,
  after jsonb DEFAULT NULL,
  tenant text DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
-- One session that stays in its transaction must not stop all the others' changes without a word.
SET lock_timeout = '3s'
AS $$
DECLARE
  acting jsonb := coalesce(nullif(current_setting('fiberstream.actor', true), '')::jsonb,
                           jsonb_build_object('kind', 'database', 'id', session_user));
  next_seq bigint;
  last_hash bytea;
  now_at timestamptz;
  -- Members of the entry in the order of RFC 8785, without what is only known under the lock.
  to_actor text;
  to_at text;
  to_seq text;
  to_end text;
  document jsonb;
  written text;
  bytes bytea;
BEGIN
  IF coalesce(acting ->> 'kind', '') !~ '^[a-z]{1,20}$' OR coalesce(acting ->> 'id', '') = '' THEN
    RAISE EXCEPTION 'fiberstream.actor has no kind or no id' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- With an older snapshot the newest entry would not be seen.
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'an audited change needs a transaction that is READ COMMITTED' USING ERRCODE = 'feature_not_supported';
  END IF;
  -- An entry that was committed must not be lost in a crash, whatever the session says of its other changes.
  IF current_setting('synchronous_commit') IN ('off', 'local') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
  -- What takes long is done before the lock is taken.
  to_actor := jcs(jsonb_build_object('action', left(action, 100)));
  to_at := jcs(jsonb_build_object(
    'actor_kind', acting ->> 'kind', 'address', left(acting ->> 'address', 200), 'after', audit_bounded(after)));
  to_seq := jcs(jsonb_build_object(
    'before', audit_bounded(before),
    'database_role', session_user,
    'object', left(object, 500),
    'object_kind', left(object_kind, 100),
    'outcome', outcome,
    'reason', left(reason, 1000),
    'request_id', left(acting ->> 'request_id', 200)));
  to_end := jcs(jsonb_build_object('session', left(acting ->> 'session', 200), 'tenant', left(tenant, 200), 'v', 1));
  BEGIN
    PERFORM FROM audit_lock FOR UPDATE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'audit_lock has no row' USING ERRCODE = 'data_corrupted';
    END IF;
  EXCEPTION
    WHEN lock_not_available THEN
      RAISE EXCEPTION 'another transaction has held the lock of the audit log for 3 s: try again, or find it with pg_blocking_pids()'
        USING ERRCODE = 'lock_not_available', HINT = 'docs/runbooks/database-pressure.md';
  END;

  SELECT log.seq, log.hash INTO next_seq, last_hash FROM audit_log AS log ORDER BY log.seq DESC LIMIT 1;
  next_seq := coalesce(next_seq, 0) + 1;
  last_hash := coalesce(last_hash, decode(repeat('00', 32), 'hex'));
  now_at := clock_timestamp();
  written := left(to_actor, -1) || ',"actor":' || to_json(audit_actor(acting)) || ',' || substr(left(to_at, -1), 2)
    || ',"at":"' || to_char(now_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '",' || substr(left(to_seq, -1), 2)
    || ',"seq":' || next_seq || ',' || substr(to_end, 2);
  bytes := convert_to(written, 'UTF8');
  -- The columns are made from the bytes, so that they cannot say anything else.
  document := written::jsonb;
  INSERT INTO audit_log (seq, at, tenant, actor_kind, actor, database_role, session, address, request_id, action,
                         object_kind, object, outcome, reason, before, after, entry, prev_hash, hash)
  VALUES (next_seq, now_at, document ->> 'tenant', document ->> 'actor_kind', document ->> 'actor',
          document ->> 'database_role', document ->> 'session', document ->> 'address', document ->> 'request_id',
          document ->> 'action', document ->> 'object_kind', document ->> 'object', document ->> 'outcome',
          document ->> 'reason', nullif(document -> 'before', 'null'), nullif(document -> 'after', 'null'),
          bytes, last_hash, sha256('\x00'::bytea || last_hash || bytes));
  RETURN next_seq;
END
$$;
COMMENT ON FUNCTION audit_append(text, text, text, text, text, jsonb, jsonb, text) IS 'Appends an entry to audit_log, whose only writer it is, and returns its number; who acts is the setting fiberstream.actor of the transaction';

-- As a trigger: audit_row(kind, key columns, withheld columns, ignored columns), names separated by commas. A withheld column that has
-- a value is shown as "(withheld)". A change of ignored columns alone is no entry, and they are in none.
CREATE FUNCTION audit_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET TimeZone = 'UTC'
SET IntervalStyle = 'postgres'
SET extra_float_digits = 1
AS $$
DECLARE
  kind text := TG_ARGV[0];
  withheld text[] := string_to_array(coalesce(TG_ARGV[2], ''), ',');
  ignored text[] := string_to_array(coalesce(TG_ARGV[3], ''), ',');
  old_row jsonb;
  new_row jsonb;
  old_shown jsonb;
  new_shown jsonb;
  whole jsonb;
  verb text;
BEGIN
  IF TG_OP <> 'INSERT' THEN old_row := to_jsonb(OLD); END IF;
  IF TG_OP <> 'DELETE' THEN new_row := to_jsonb(NEW); END IF;
  whole := coalesce(new_row, old_row);
  IF TG_OP = 'UPDATE' THEN
    SELECT jsonb_object_agg(name, CASE WHEN name = ANY (withheld) AND was <> 'null' THEN '"(withheld)"' ELSE was END),
           jsonb_object_agg(name, CASE WHEN name = ANY (withheld) AND is_now <> 'null' THEN '"(withheld)"' ELSE is_now END)
    INTO old_shown, new_shown
    FROM jsonb_each(old_row) AS olds (name, was) JOIN jsonb_each(new_row) AS news (name, is_now) USING (name)
    WHERE was <> is_now AND NOT name = ANY (ignored);
    IF old_shown IS NULL THEN RETURN NULL; END IF;
    verb := CASE
      WHEN new_shown ->> 'revoked_at' IS NOT NULL THEN 'revoked'
      WHEN new_shown ->> 'disabled_at' IS NOT NULL THEN 'disabled'
      WHEN new_shown ->> 'finished_at' IS NOT NULL THEN 'finished'
      WHEN new_shown ->> 'cancel_requested_at' IS NOT NULL THEN 'cancel_requested'
      WHEN new_shown ->> 'status' = 'deleted' THEN 'deleted'
      ELSE 'changed'
    END;
  ELSE
    SELECT jsonb_object_agg(name, CASE WHEN name = ANY (withheld) AND given <> 'null' THEN '"(withheld)"' ELSE given END)
    INTO new_shown FROM jsonb_each(whole) AS givens (name, given) WHERE NOT name = ANY (ignored);
    verb := CASE TG_OP WHEN 'INSERT' THEN 'created' ELSE 'deleted' END;
    IF TG_OP = 'DELETE' THEN
      old_shown := new_shown;
      new_shown := NULL;
    END IF;
  END IF;
  PERFORM audit_append(
    kind || '.' || verb,
    kind,
    (SELECT string_agg(whole ->> key, ' ' ORDER BY place) FROM unnest(string_to_array(TG_ARGV[1], ',')) WITH ORDINALITY AS keys (key, place)),
    before => old_shown,
    after => new_shown,
    tenant => whole ->> 'tenant'
  );
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION audit_row() IS 'Trigger: appends the change of a row to audit_log';

CREATE FUNCTION audit_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
  PERFORM audit_append(TG_ARGV[0] || '.truncated', TG_ARGV[0], '*');
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION audit_truncate() IS 'Trigger: appends to audit_log that a table was emptied';

-- For migrations: SELECT audit_table('users', 'user', 'user_id', withheld => 'password_hash').
-- The entry is appended when the transaction commits. By then it has all its other locks, so two of them cannot wait for each other's.
-- ALWAYS: session_replication_role does not turn it off.
CREATE FUNCTION audit_table(
  audited regclass,
  kind text,
  key_columns text,
  withheld text DEFAULT '',
  ignored text DEFAULT '',
  events text DEFAULT 'INSERT OR UPDATE OR DELETE',
  only_when text DEFAULT 'true',
  label text DEFAULT 'audit_row'
) RETURNS void
LANGUAGE plpgsql
SET search_path = public, pg_temp
AS $$
BEGIN
  EXECUTE format(
    'CREATE CONSTRAINT TRIGGER %I AFTER %s ON %s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (%s) '
    'EXECUTE FUNCTION audit_row(%L, %L, %L, %L)',
    label, events, audited, only_when, kind, key_columns, withheld, ignored);
  EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', audited, label);
  IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = audited AND tgname = 'audit_truncate') THEN
    EXECUTE format('CREATE TRIGGER audit_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT '
                   'EXECUTE FUNCTION audit_truncate(%L)', audited, kind);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER audit_truncate', audited);
  END IF;
END
$$;
COMMENT ON FUNCTION audit_table(regclass, text, text, text, text, text, text, text) IS 'Makes every change of a table an entry of audit_log; for migrations';

CREATE FUNCTION audit_forget(forgotten_kind text, forgotten_id text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
  PERFORM FROM actors WHERE kind = forgotten_kind AND actor_id = forgotten_id AND erased_at IS NULL;
  IF NOT FOUND THEN RETURN false; END IF;
  -- First the lock of the log, then the row, like everybody else.
  PERFORM audit_append('actor.erased', 'actor', forgotten_kind || ' ' || forgotten_id);
  UPDATE actors SET name = NULL, erased_at = clock_timestamp()
  WHERE kind = forgotten_kind AND actor_id = forgotten_id AND erased_at IS NULL;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION audit_forget(text, text) IS 'Erases the name of an actor, and appends that to audit_log; false: no name was known';

-- For everybody, the owner of the tables too.
CREATE FUNCTION audit_refuse() RETURNS trigger
LANGUAGE plpgsql
SET search_path = public, pg_temp
AS $$
BEGIN
  IF TG_OP = 'INSERT' AND TG_TABLE_NAME = 'audit_log' AND current_user = (
    SELECT pg_get_userbyid(proowner) FROM pg_proc
    WHERE oid = 'audit_append(text, text, text, text, text, jsonb, jsonb, text)'::regprocedure)
  THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION '% is append-only, and only audit_append() writes it: % is refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'insufficient_privilege';
END
$$;
COMMENT ON FUNCTION audit_refuse() IS 'Trigger: refuses every change of the audit log that audit_append() does not make';
CREATE TRIGGER audit_append_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_append_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON audit_lock
  FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_append_only;
ALTER TABLE audit_lock ENABLE ALWAYS TRIGGER audit_append_only;

REVOKE ALL ON audit_log, audit_lock, actors, audit_head FROM PUBLIC;
REVOKE ALL ON FUNCTION audit_append(text, text, text, text, text, jsonb, jsonb, text), audit_actor(jsonb), audit_row(),
  audit_truncate(), audit_forget(text, text), audit_table(regclass, text, text, text, text, text, text, text) FROM PUBLIC;

-- The writer can do nothing but append, and nobody can log in with it.
DO $$
BEGIN
  CREATE ROLE fiberstream_audit_writer NOLOGIN;
EXCEPTION
  -- Another database of the server has made it, maybe at this moment.
  WHEN duplicate_object OR unique_violation THEN NULL;
  WHEN insufficient_privilege THEN
    RAISE NOTICE 'role fiberstream_audit_writer is left out: this user may not create roles';
END
$$;
DO $$
DECLARE
  definer regprocedure;
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_audit_writer') THEN
    GRANT USAGE, CREATE ON SCHEMA public TO fiberstream_audit_writer;
    GRANT SELECT, INSERT ON audit_log TO fiberstream_audit_writer;
    -- To lock the row; a trigger refuses the update itself.
    GRANT SELECT, UPDATE ON audit_lock TO fiberstream_audit_writer;
    GRANT SELECT, INSERT, UPDATE ON actors TO fiberstream_audit_writer;
    -- Without the rights of an owner, later migrations could not replace the functions.
    IF NOT pg_has_role(current_user, 'fiberstream_audit_writer', 'USAGE') THEN
      EXECUTE format('GRANT fiberstream_audit_writer TO %I WITH INHERIT TRUE, SET TRUE', current_user);
    END IF;
    FOREACH definer IN ARRAY ARRAY[
      'audit_actor(jsonb)', 'audit_append(text, text, text, text, text, jsonb, jsonb, text)', 'audit_row()',
      'audit_truncate()', 'audit_forget(text, text)']::regprocedure[]
    LOOP
      EXECUTE format('ALTER FUNCTION %s OWNER TO fiberstream_audit_writer', definer);
    END LOOP;
    REVOKE CREATE ON SCHEMA public FROM fiberstream_audit_writer;
  END IF;
EXCEPTION
  WHEN insufficient_privilege THEN
    RAISE NOTICE 'the functions of the audit log run with the rights of %: it may not give them to fiberstream_audit_writer', current_user;
END
$$;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    REVOKE ALL ON audit_log, audit_lock, actors, audit_head FROM fiberstream_reader;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_console') THEN
    GRANT SELECT ON audit_log, actors, audit_head TO fiberstream_console;
    GRANT EXECUTE ON FUNCTION audit_append(text, text, text, text, text, jsonb, jsonb, text) TO fiberstream_console;
  END IF;
END
$$;
