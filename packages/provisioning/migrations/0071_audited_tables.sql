-- The tables whose changes are entries of the audit log. A later file that adds a table which people change attaches it here to
-- the log in the same way (docs/audit.md).

-- The processor registers unknown nodes, and the sink says whether they report: nobody did that. What an operator does with fiber or in
-- the console names who acts; what the operator's role does, and what has another shape than the services' own changes, is somebody's doing in any
-- case.
SELECT audit_table(
  'nodes', 'node', 'node_id',
  ignored => 'revision,published_revision,updated_at,last_seen_at,silent_since',
  events => 'INSERT',
  only_when => $$coalesce(current_setting('fiberstream.actor', true), '') <> ''
    OR num_nonnulls(NEW.display_name, NEW.city, NEW.lat, NEW.lng, NEW.probe_version) > 0
    OR NEW.tags <> '{}' OR NEW.node_name <> 'probe-' || left(NEW.node_id, 8)
    OR audit_is_operator()$$,
  label => 'audit_insert'
);
SELECT audit_table(
  'nodes', 'node', 'node_id',
  ignored => 'revision,published_revision,updated_at,last_seen_at,silent_since',
  events => 'UPDATE',
  only_when => $$NEW.revision > OLD.revision AND (
    coalesce(current_setting('fiberstream.actor', true), '') <> ''
    OR (NEW.node_name, NEW.display_name, NEW.country, NEW.region, NEW.city, NEW.lat, NEW.lng, NEW.tags, NEW.probe_version, NEW.created_at)
       IS DISTINCT FROM
       (OLD.node_name, OLD.display_name, OLD.country, OLD.region, OLD.city, OLD.lat, OLD.lng, OLD.tags, OLD.probe_version, OLD.created_at)
    OR (NEW.status <> OLD.status AND NEW.status <> 'reporting' AND NOT (NEW.status = 'inactive' AND NEW.silent_since IS NOT NULL))
    OR audit_is_operator())$$,
  label => 'audit_update'
);
-- Rows of nodes are deleted by erasures, and what is erased must not be kept here.
SELECT audit_table(
  'nodes', 'node', 'node_id',
  ignored => 'node_name,display_name,status,country,region,city,lat,lng,tags,probe_version,created_at,updated_at,last_seen_at,revision,published_revision,silent_since',
  events => 'DELETE',
  label => 'audit_delete'
);

-- The sink moves its offsets. fiber rewind has an entry of its own (sink.rewound), but an operator's session may also move them by hand.
SELECT audit_table(
  'sink_offsets', 'sink_offset', 'topic,partition', ignored => 'updated_at,leader_epoch,leader_epoch_at',
  only_when => 'audit_is_operator()'
);

SELECT audit_table('api_keys', 'key', 'key_id', withheld => 'secret_sha256');
SELECT audit_table('reader_keys', 'reader_key', 'key_id', withheld => 'secret_sha256');
SELECT audit_table('tenant_limits', 'tenant_limit', 'tenant');
SELECT audit_table('key_id_secret', 'key_id_secret', 'is_only_row', withheld => 'secret');
SELECT audit_table('data_lifecycle', 'retention', 'relation');
SELECT audit_table('base_backups', 'base_backup', 'finished_at');

-- How far they are is no change of anybody; that they began and ended is. requested_by and started_by have names of people.
SELECT audit_table(
  'erasures', 'erasure', 'erasure_id', withheld => 'requested_by', ignored => 'erased_to',
  events => 'INSERT OR DELETE', label => 'audit_row'
);
SELECT audit_table(
  'erasures', 'erasure', 'erasure_id', withheld => 'requested_by', ignored => 'erased_to',
  events => 'UPDATE',
  only_when => $$(NEW.finished_at, NEW.honoured_until, NEW.node_id, NEW.tenant, NEW.from_time, NEW.to_time, NEW.reason, NEW.node_ids)
    IS DISTINCT FROM
    (OLD.finished_at, OLD.honoured_until, OLD.node_id, OLD.tenant, OLD.from_time, OLD.to_time, OLD.reason, OLD.node_ids)$$,
  label => 'audit_update'
);
SELECT audit_table(
  'imports', 'import', 'file_digest,tenant', withheld => 'started_by', ignored => 'updated_at',
  events => 'INSERT OR DELETE', label => 'audit_row'
);
SELECT audit_table(
  'imports', 'import', 'file_digest,tenant', withheld => 'started_by', ignored => 'updated_at',
  events => 'UPDATE',
  only_when => $$(NEW.finished_at, NEW.started_at, NEW.file_name) IS DISTINCT FROM (OLD.finished_at, OLD.started_at, OLD.file_name)$$,
  label => 'audit_update'
);
-- Jobs that ended long ago go by themselves.
SELECT audit_table(
  'jobs', 'job', 'job_id', ignored => 'started_at,updated_at,lease_until,lease_holder,attempts,progress',
  events => 'INSERT', label => 'audit_row'
);
SELECT audit_table(
  'jobs', 'job', 'job_id', ignored => 'started_at,updated_at,lease_until,lease_holder,attempts,progress',
  events => 'UPDATE',
  only_when => $$(NEW.cancel_requested_at, NEW.finished_at, NEW.request, NEW.created_by, NEW.tenant)
    IS DISTINCT FROM (OLD.cancel_requested_at, OLD.finished_at, OLD.request, OLD.created_by, OLD.tenant)$$,
  label => 'audit_update'
);

-- Each file of migrations, in its own transaction.
CREATE FUNCTION audit_migration() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
  PERFORM audit_append('migration.applied', 'migration', NEW.name);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION audit_migration() IS 'Trigger: appends to audit_log that a migration was applied';
REVOKE ALL ON FUNCTION audit_migration() FROM PUBLIC;

DO $$
DECLARE
  applied bigint := 0;
BEGIN
  IF to_regclass('public.schema_migrations') IS NOT NULL THEN
    SELECT count(*) INTO applied FROM public.schema_migrations;
    CREATE TRIGGER audit_migration AFTER INSERT ON public.schema_migrations
      FOR EACH ROW EXECUTE FUNCTION audit_migration();
    ALTER TABLE public.schema_migrations ENABLE ALWAYS TRIGGER audit_migration;
  END IF;
  -- What was there before the log began has no entries.
  PERFORM audit_append('audit.began', 'database', current_database(), after => jsonb_build_object(
    'migrations', applied,
    'nodes', (SELECT count(*) FROM nodes),
    'keys', (SELECT count(*) FROM api_keys),
    'reader_keys', (SELECT count(*) FROM reader_keys)));
END
$$;
