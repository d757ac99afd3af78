-- For people who run fiber: all its commands but erase. It owns nothing and has no right to write the audit log. What it
-- changes of what people change has an entry, by hand too. Without one it can add measurements, of which fiber import logs only the file,
-- note how far an import is, and mark minutes for the roll-ups. The owner of the tables is for migrations and erasures (docs/audit.md). Nobody can log in with it: give it to
-- those who may (GRANT fiberstream_operator TO ama), or give the migration step its password.
DO $$
BEGIN
  CREATE ROLE fiberstream_operator NOLOGIN;
EXCEPTION
  -- Another database of the server has made it, maybe at this moment.
  WHEN duplicate_object OR unique_violation THEN NULL;
  WHEN insufficient_privilege THEN
    RAISE NOTICE 'role fiberstream_operator is left out: this user may not create roles';
END
$$;
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_operator') THEN RETURN; END IF;
  GRANT USAGE ON SCHEMA public TO fiberstream_operator;
  BEGIN
    -- All changes wait for a transaction that has an entry and stays open. Of sessions that log in as this role, not as a member of it.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_operator' AND rolconfig::text LIKE '%idle_in_transaction%') THEN
      ALTER ROLE fiberstream_operator SET idle_in_transaction_session_timeout = '60s';
    END IF;
  EXCEPTION
    WHEN insufficient_privilege THEN
      RAISE NOTICE 'fiberstream_operator keeps its settings: this user may not change them';
    -- Another database's migration sets it at this moment.
    WHEN internal_error OR unique_violation THEN NULL;
  END;

  -- Hashes of secrets are of no use to an operator.
  GRANT SELECT (key_id, jwt_subject, tenant, node_pattern, rate_per_second, burst, max_nodes, requires_signature, note, created_at,
                expires_at, revoked_at),
        INSERT, UPDATE (max_nodes, expires_at, revoked_at)
    ON api_keys TO fiberstream_operator;
  GRANT SELECT (key_id, tenant, may_change_nodes, may_redrive, rate_per_second, burst, note, created_at, expires_at, revoked_at),
        INSERT, UPDATE (expires_at, revoked_at)
    ON reader_keys TO fiberstream_operator;
  GRANT SELECT ON key_id_secret TO fiberstream_operator;
  GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_limits TO fiberstream_operator;

  GRANT SELECT ON nodes TO fiberstream_operator;
  GRANT UPDATE (display_name, status, country, region, city, lat, lng, tags) ON nodes TO fiberstream_operator;
  GRANT SELECT, INSERT, UPDATE ON sink_offsets TO fiberstream_operator;

  GRANT SELECT ON
    metrics_enriched, metrics_latest, metric_quality_daily, metric_quality_days, node_alerts, erasures, jobs, data_lifecycle,
    reconciliation_books, reconciliation_positions, reconciliation_breaks, reconciled_minutes, rollup_marks, rollup_state,
    rollup_set_aside, rollup_removed,
    node_changes, service_versions, breaker_changes, base_backups, changes
    TO fiberstream_operator;

  -- fiber import.
  GRANT SELECT, INSERT ON metrics, metric_conflicts TO fiberstream_operator;
  GRANT SELECT, INSERT, UPDATE ON imports TO fiberstream_operator;
  GRANT INSERT (node_id, status, silent_since, last_seen_at, tenant, country, region) ON nodes TO fiberstream_operator;
  GRANT EXECUTE ON FUNCTION rollup_mark(text[], timestamptz[]) TO fiberstream_operator;

  GRANT SELECT ON audit_log, audit_head, actors TO fiberstream_operator;
  GRANT EXECUTE ON FUNCTION audit_append(text, text, text, text, text, jsonb, jsonb, text) TO fiberstream_operator;
END
$$;
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_operator') THEN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO fiberstream_operator', current_database());
  END IF;
EXCEPTION
  WHEN insufficient_privilege THEN
    RAISE NOTICE 'fiberstream_operator is not granted TEMPORARY: this user may not grant it';
END
$$;
