-- What one person has asked for and another one has to approve, where that is switched on (APPROVALS): what cannot be undone.
CREATE TABLE approvals (
  approval_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL DEFAULT clock_timestamp() + interval '24 hours',
  decided_at timestamptz,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'approved', 'rejected', 'withdrawn')),
  operation text NOT NULL,
  tenant text,
  requested_by text NOT NULL,
  decided_by text,
  decision_reason text CHECK (length(decision_reason) <= 1000),
  request text NOT NULL CHECK (octet_length(request) <= 131072),
  request_sha256 bytea NOT NULL CHECK (request_sha256 = sha256(convert_to(request, 'UTF8'))),
  CHECK ((decided_at IS NULL) = (state = 'waiting') AND (decided_by IS NULL) = (state = 'waiting')),
  -- Whatever a console does: nobody approves what they asked for.
  CHECK (state <> 'approved' OR decided_by <> requested_by),
  CHECK (state <> 'withdrawn' OR decided_by = requested_by)
);
CREATE INDEX approvals_newest ON approvals (requested_at DESC, approval_id DESC);
CREATE INDEX approvals_waiting ON approvals (requested_by) WHERE state = 'waiting';
COMMENT ON TABLE approvals IS 'Changes that one person has asked for and another one has to approve';
COMMENT ON COLUMN approvals.approval_id IS 'Names the request';
COMMENT ON COLUMN approvals.requested_at IS 'When it was asked for';
COMMENT ON COLUMN approvals.expires_at IS 'From when on it can no longer be approved';
COMMENT ON COLUMN approvals.decided_at IS 'When it was approved, rejected or withdrawn; null: it waits, or has expired';
COMMENT ON COLUMN approvals.state IS 'waiting, approved, rejected or withdrawn';
COMMENT ON COLUMN approvals.operation IS 'Route that was asked, by its operationId';
COMMENT ON COLUMN approvals.tenant IS 'Whose data it is about; null: of several, or the platform''s';
COMMENT ON COLUMN approvals.requested_by IS 'User who asked';
COMMENT ON COLUMN approvals.decided_by IS 'User who decided';
COMMENT ON COLUMN approvals.decision_reason IS 'Why it was rejected, or approved';
COMMENT ON COLUMN approvals.request IS 'What was asked, and what is done when it is approved: path, query, body and If-Match as JSON';
COMMENT ON COLUMN approvals.request_sha256 IS 'SHA-256 of request: who approves names it, so that nothing else is approved';

-- What is asked never changes, and a decision is final.
CREATE FUNCTION approvals_are_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state <> 'waiting' OR NEW.expires_at <> OLD.expires_at OR NEW.request <> OLD.request
    OR NEW.operation <> OLD.operation OR NEW.requested_by <> OLD.requested_by
    OR (NEW.state = 'approved' AND OLD.expires_at <= clock_timestamp())
  THEN
    RAISE EXCEPTION 'what was asked cannot be changed, and a decision is final' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION approvals_are_final() IS 'Trigger: refuses changes of what was asked for, and second decisions';
CREATE TRIGGER approvals_are_final BEFORE UPDATE ON approvals FOR EACH ROW EXECUTE FUNCTION approvals_are_final();

-- The console may not delete them, and nobody else writes here: the table keeps itself short. The audit log keeps what was decided.
CREATE FUNCTION approvals_expire() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  DELETE FROM public.approvals WHERE expires_at < now() - interval '90 days';
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION approvals_expire() IS 'Trigger: removes what expired more than 90 days ago';
CREATE TRIGGER approvals_expire AFTER INSERT ON approvals FOR EACH STATEMENT EXECUTE FUNCTION approvals_expire();
REVOKE ALL ON FUNCTION approvals_expire() FROM PUBLIC;

-- A request may have the name of a person; request_sha256 says what it was.
SELECT audit_table('approvals', 'approval', 'approval_id', withheld => 'request', events => 'INSERT OR UPDATE');

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_console') THEN
    GRANT SELECT ON approvals TO fiberstream_console;
    GRANT INSERT (operation, tenant, requested_by, request, request_sha256) ON approvals TO fiberstream_console;
    GRANT UPDATE (state, decided_at, decided_by, decision_reason) ON approvals TO fiberstream_console;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    REVOKE ALL ON approvals FROM fiberstream_reader;
  END IF;
  -- fiber users. An operator makes the first admin; the audit log has who it was.
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_operator') THEN
    GRANT SELECT (user_id, kind, name, created_at, last_signed_in_at, disabled_at), INSERT (kind, name), UPDATE (disabled_at)
      ON users TO fiberstream_operator;
    GRANT SELECT, INSERT (user_id, role, tenant, node_pattern, source), DELETE ON grants TO fiberstream_operator;
    GRANT SELECT (session_id, user_id), DELETE ON sessions TO fiberstream_operator;
    GRANT SELECT (user_id, expires_at), INSERT, DELETE ON one_time_links TO fiberstream_operator;
  END IF;
END
$$;
