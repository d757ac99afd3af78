-- Whose node it is, so that questions about nodes can be bound to tenants. A node has one tenant: that of its latest event.
-- Keys of different tenants never match the same node, so it changes only when the node's key moves to another tenant.
ALTER TABLE nodes ADD COLUMN tenant text;
COMMENT ON COLUMN nodes.tenant IS 'Whose probe it is: the tenant of its latest event; null while none was stored';

CREATE OR REPLACE FUNCTION nodes_keep_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.node_name := coalesce(NEW.node_name, 'probe-' || left(NEW.node_id, 8));
  IF TG_OP = 'UPDATE' AND
     (NEW.node_name, NEW.display_name, NEW.status, NEW.country, NEW.region, NEW.city,
      NEW.lat, NEW.lng, NEW.tags, NEW.probe_version, NEW.created_at, NEW.tenant)
     IS DISTINCT FROM
     (OLD.node_name, OLD.display_name, OLD.status, OLD.country, OLD.region, OLD.city,
      OLD.lat, OLD.lng, OLD.tags, OLD.probe_version, OLD.created_at, OLD.tenant)
  THEN
    NEW.revision := OLD.revision + 1;
    NEW.updated_at := now();
  END IF;
  RETURN NEW;
END
$$;

-- Known nodes: the tenant of the latest row, by one probe of the identity index for each; without a row that of the keys
-- that match the node. Each of them is published again.
UPDATE nodes SET tenant = latest.tenant
FROM nodes AS known
CROSS JOIN LATERAL (
  SELECT metrics.tenant FROM metrics
  WHERE metrics.node_id = known.node_id
  ORDER BY metrics.time DESC
  LIMIT 1
) AS latest
WHERE nodes.node_id = known.node_id;

UPDATE nodes SET tenant = keys.tenant
FROM (SELECT DISTINCT tenant, node_pattern_range(node_pattern) AS node_ids FROM api_keys WHERE revoked_at IS NULL) AS keys
WHERE nodes.tenant IS NULL AND keys.node_ids @> nodes.node_id::text;

-- last_seen_at is in no index still: its updates stay within their pages.
CREATE INDEX nodes_tenant ON nodes (tenant, node_id);

DO $$
DECLARE
  permit record;
BEGIN
  FOR permit IN
    SELECT * FROM (VALUES
      ('fiberstream_processor', 'GRANT INSERT (tenant) ON nodes'),
      ('fiberstream_sink', 'GRANT INSERT (tenant), UPDATE (tenant) ON nodes')
    ) AS permits (service, permission)
  LOOP
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = permit.service) THEN
      EXECUTE format('%s TO %I', permit.permission, permit.service);
    END IF;
  END LOOP;
END
$$;
