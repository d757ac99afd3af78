-- What happened when, in one time line: the view changes. Most of it is known already (keys, imports, erasures, verdicts,
-- alerts). What was not known until now is written to three tables here.

CREATE TABLE node_changes (
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  node_id varchar(50) NOT NULL,
  tenant text,
  kind text NOT NULL
    CHECK (kind IN ('node.registered', 'node.changed', 'node.deleted', 'node.silent', 'node.reporting')),
  changed_by text NOT NULL,
  detail jsonb NOT NULL
);
CREATE INDEX node_changes_time ON node_changes (changed_at);
CREATE INDEX node_changes_kind ON node_changes (kind, changed_at);
CREATE INDEX node_changes_node ON node_changes (node_id, changed_at);

COMMENT ON TABLE node_changes IS 'Changes of nodes, written by a trigger in their transactions';
COMMENT ON COLUMN node_changes.changed_at IS 'When';
COMMENT ON COLUMN node_changes.change_id IS 'Number of the change';
COMMENT ON COLUMN node_changes.node_id IS 'The probe';
COMMENT ON COLUMN node_changes.tenant IS 'Its tenant after the change';
COMMENT ON COLUMN node_changes.kind IS 'node.registered; node.silent: nothing has come for a while; node.reporting: events come, for the first time or again; node.deleted; node.changed: anything else';
COMMENT ON COLUMN node_changes.changed_by IS 'Account of the database, and the application that used it';
COMMENT ON COLUMN node_changes.detail IS 'The columns that changed, each with its value before and after';

-- With its owner's rights: whoever may edit a node may not be allowed to write here.
CREATE FUNCTION nodes_record_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  by_whom text := concat_ws(', ', session_user, nullif(current_setting('application_name'), ''));
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO node_changes (node_id, tenant, kind, changed_by, detail)
    VALUES (NEW.node_id, NEW.tenant, 'node.registered', by_whom, '{}');
    RETURN NULL;
  END IF;
  INSERT INTO node_changes (node_id, tenant, kind, changed_by, detail)
  SELECT NEW.node_id, NEW.tenant,
         CASE
           WHEN NEW.status = OLD.status THEN 'node.changed'
           WHEN NEW.status = 'deleted' THEN 'node.deleted'
           WHEN NEW.status = 'inactive' AND NEW.silent_since IS NOT NULL THEN 'node.silent'
           WHEN NEW.status = 'reporting' THEN 'node.reporting'
           ELSE 'node.changed'
         END,
         by_whom,
         coalesce(jsonb_object_agg(key, jsonb_build_array(before.value, after.value)), '{}')
  FROM jsonb_each(to_jsonb(OLD)) AS before JOIN jsonb_each(to_jsonb(NEW)) AS after USING (key)
  WHERE before.value <> after.value AND key NOT IN ('revision', 'published_revision', 'updated_at', 'last_seen_at');
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION nodes_record_change() IS 'Writes a change of a node to node_changes';
CREATE TRIGGER nodes_record_insert AFTER INSERT ON nodes
  FOR EACH ROW EXECUTE FUNCTION nodes_record_change();
-- Not for each touch of last_seen_at, which is the usual update.
CREATE TRIGGER nodes_record_update AFTER UPDATE ON nodes
  FOR EACH ROW WHEN (NEW.revision > OLD.revision) EXECUTE FUNCTION nodes_record_change();

-- What is known of the nodes that are there.
INSERT INTO node_changes (changed_at, node_id, tenant, kind, changed_by, detail)
SELECT created_at, node_id, tenant, 'node.registered', 'not known', '{}' FROM nodes ORDER BY created_at;

ALTER TABLE erasures ADD COLUMN node_changes_erased bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN erasures.node_changes_erased IS 'Rows of node_changes that were erased';

CREATE TABLE service_versions (
  first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  service text NOT NULL,
  version text NOT NULL,
  PRIMARY KEY (service, version)
);
COMMENT ON TABLE service_versions IS 'Versions of each service that have run on this database';
COMMENT ON COLUMN service_versions.first_seen_at IS 'When a process of this version first started';
COMMENT ON COLUMN service_versions.last_started_at IS 'When one last started';
COMMENT ON COLUMN service_versions.service IS 'Name of the service';
COMMENT ON COLUMN service_versions.version IS 'Its version';

-- A function, because each of the services may do no more than this.
CREATE FUNCTION record_service_version(started text, started_version text) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
  INSERT INTO service_versions (service, version) VALUES (left(started, 100), left(started_version, 100))
  ON CONFLICT (service, version) DO UPDATE SET last_started_at = clock_timestamp()
$$;
COMMENT ON FUNCTION record_service_version(text, text) IS 'Records that a process of a service has started';
REVOKE ALL ON FUNCTION record_service_version(text, text) FROM PUBLIC;

CREATE TABLE breaker_changes (
  changed_at timestamptz NOT NULL,
  change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  partition integer NOT NULL,
  kind text NOT NULL CHECK (kind IN ('breaker.opened', 'breaker.closed')),
  service text NOT NULL,
  reason text NOT NULL
);
CREATE INDEX breaker_changes_time ON breaker_changes (changed_at);
COMMENT ON TABLE breaker_changes IS 'When circuit breakers have stopped a partition, and when it has resumed';
COMMENT ON COLUMN breaker_changes.changed_at IS 'When';
COMMENT ON COLUMN breaker_changes.change_id IS 'Number of the change';
COMMENT ON COLUMN breaker_changes.partition IS 'Partition of the service''s input topic';
COMMENT ON COLUMN breaker_changes.kind IS 'breaker.opened or breaker.closed';
COMMENT ON COLUMN breaker_changes.service IS 'The service';
COMMENT ON COLUMN breaker_changes.reason IS 'Why';

-- As drop_old_alerts().
CREATE FUNCTION drop_old_changes() RETURNS integer
LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
  WITH kept AS (
    SELECT now() - drop_after AS since FROM data_lifecycle WHERE relation = 'changes'
  ), old AS (
    SELECT node_changes.ctid FROM node_changes, kept
    WHERE changed_at < since ORDER BY changed_at LIMIT 10000 FOR UPDATE OF node_changes SKIP LOCKED
  ), nodes_dropped AS (
    DELETE FROM node_changes USING old WHERE node_changes.ctid = old.ctid RETURNING 1
  ), breakers_dropped AS (
    DELETE FROM breaker_changes USING kept WHERE changed_at < since RETURNING 1
  )
  SELECT ((SELECT count(*) FROM nodes_dropped) + (SELECT count(*) FROM breakers_dropped))::integer
$$;
COMMENT ON FUNCTION drop_old_changes() IS 'Drops up to 10,000 rows of node_changes, and those of breaker_changes, that are older than data_lifecycle says; returns how many';
REVOKE ALL ON FUNCTION drop_old_changes() FROM PUBLIC;

-- Each branch has an index by its time, or few rows. A constant kind lets PostgreSQL leave out branches that nobody asks for.
CREATE VIEW changes AS
SELECT changed_at AS at, kind, change_id::text AS id, tenant, node_id::text AS subject, changed_by, detail
FROM node_changes
UNION ALL
SELECT opened_at, 'alert.opened', alert_id || ' ' || kind, tenant, node_id, NULL,
       jsonb_build_object('alert_id', alert_id, 'kind', kind, 'value', value, 'usual', usual,
                          'resolve_below', resolve_below)
FROM node_alerts
UNION ALL
SELECT ended_at, 'alert.resolved', alert_id || ' ' || kind, tenant, node_id, NULL,
       jsonb_build_object('alert_id', alert_id, 'kind', kind, 'value', end_value)
FROM node_alerts WHERE state = 'resolved'
UNION ALL
SELECT created_at, 'key.created', key_id, tenant, key_id, NULL,
       jsonb_build_object('node_pattern', node_pattern, 'expires_at', expires_at)
FROM api_keys
UNION ALL
SELECT revoked_at, 'key.revoked', key_id, tenant, key_id, NULL,
       jsonb_build_object('node_pattern', node_pattern)
FROM api_keys WHERE revoked_at IS NOT NULL
UNION ALL
SELECT expires_at, 'key.expired', key_id, tenant, key_id, NULL,
       jsonb_build_object('node_pattern', node_pattern)
FROM api_keys WHERE expires_at <= now() AND (revoked_at IS NULL OR revoked_at > expires_at)
UNION ALL
SELECT created_at, 'reader_key.created', key_id, tenant, key_id, NULL,
       jsonb_build_object('may_change_nodes', may_change_nodes, 'expires_at', expires_at)
FROM reader_keys
UNION ALL
SELECT revoked_at, 'reader_key.revoked', key_id, tenant, key_id, NULL, '{}'
FROM reader_keys WHERE revoked_at IS NOT NULL
UNION ALL
SELECT expires_at, 'reader_key.expired', key_id, tenant, key_id, NULL, '{}'
FROM reader_keys WHERE expires_at <= now() AND (revoked_at IS NULL OR revoked_at > expires_at)
UNION ALL
SELECT first_seen_at, 'service.version', service || ' ' || version, NULL, service, NULL,
       jsonb_build_object('version', version)
FROM service_versions
UNION ALL
SELECT changed_at, kind, change_id::text, NULL, service, NULL,
       jsonb_build_object('partition', partition, 'reason', reason)
FROM breaker_changes
UNION ALL
SELECT started_at, 'import.started', file_digest || ' ' || tenant, tenant, file_name, started_by,
       jsonb_build_object('format', format, 'file_bytes', file_bytes)
FROM imports
UNION ALL
SELECT finished_at, 'import.finished', file_digest || ' ' || tenant, tenant, file_name, started_by,
       jsonb_build_object('rows_inserted', rows_inserted, 'rows_repeated', rows_repeated,
                          'rows_in_conflict', rows_in_conflict, 'rows_rejected', rows_rejected)
FROM imports WHERE finished_at IS NOT NULL
UNION ALL
SELECT requested_at, 'erasure.requested', erasure_id::text, tenant, erasure_id::text, requested_by,
       jsonb_build_object('node_id', node_id, 'tenant', tenant, 'from_time', from_time, 'to_time', to_time,
                          'reason', reason)
FROM erasures
UNION ALL
SELECT finished_at, 'erasure.finished', erasure_id::text, tenant, erasure_id::text, requested_by,
       jsonb_build_object('rows_erased', rows_erased, 'nodes_erased', nodes_erased)
FROM erasures WHERE finished_at IS NOT NULL
UNION ALL
SELECT judged_at, 'reconciliation.differs', minute::text, NULL, to_char(minute AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'), NULL,
       jsonb_build_object('minute', minute, 'events', events, 'unaccounted', unaccounted, 'findings', findings)
FROM reconciled_minutes WHERE verdict = 'differs'
UNION ALL
SELECT found_at, 'reconciliation.gap', concat_ws(' ', stage, partition, kind, from_offset), NULL, stage, NULL,
       jsonb_build_object('partition', partition, 'kind', kind, 'from_offset', from_offset,
                          'to_offset', to_offset, 'events', events, 'minute', minute)
FROM reconciliation_breaks;

COMMENT ON VIEW changes IS 'What happened when: alerts, nodes, keys, versions, breakers, imports, erasures, reconciliation';
COMMENT ON COLUMN changes.at IS 'When it happened; of alerts by the probe''s clock';
COMMENT ON COLUMN changes.kind IS 'What happened, such as node.deleted';
COMMENT ON COLUMN changes.id IS 'Tells two changes of one kind apart';
COMMENT ON COLUMN changes.tenant IS 'Whose it is; null: the platform''s';
COMMENT ON COLUMN changes.subject IS 'The node, key, service, file, erasure or minute that it is about';
COMMENT ON COLUMN changes.changed_by IS 'Who caused it, where that is recorded';
COMMENT ON COLUMN changes.detail IS 'More, by kind';

DO $$
DECLARE
  permit record;
BEGIN
  FOR permit IN
    SELECT * FROM (VALUES
      ('fiberstream_gateway', 'GRANT EXECUTE ON FUNCTION record_service_version(text, text)'),
      ('fiberstream_processor', 'GRANT EXECUTE ON FUNCTION record_service_version(text, text)'),
      ('fiberstream_processor', 'GRANT INSERT ON breaker_changes'),
      ('fiberstream_sink', 'GRANT EXECUTE ON FUNCTION record_service_version(text, text)'),
      ('fiberstream_sink', 'GRANT EXECUTE ON FUNCTION drop_old_changes()'),
      ('fiberstream_console', 'GRANT EXECUTE ON FUNCTION record_service_version(text, text)'),
      ('fiberstream_console', 'GRANT SELECT ON changes')
    ) AS permits (service, permission)
  LOOP
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = permit.service) THEN
      EXECUTE format('%s TO %I', permit.permission, permit.service);
    END IF;
  END LOOP;

  -- The view has keys, which readers do not see.
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    GRANT SELECT ON node_changes, service_versions, breaker_changes TO fiberstream_reader;
    REVOKE ALL ON changes FROM fiberstream_reader;
  END IF;
END
$$;
