-- The truth about nodes. Everything else that knows one (caches, the topic probe.nodes) is made from this table.
CREATE TABLE nodes (
  node_id varchar(50) PRIMARY KEY CHECK (node_id <> ''),
  node_name text NOT NULL,
  display_name text,
  status text NOT NULL DEFAULT 'registered'
    CHECK (status IN ('registered', 'reporting', 'inactive', 'deleted')),
  country text,
  region text,
  city text,
  lat double precision CHECK (lat BETWEEN -90 AND 90),
  lng double precision CHECK (lng BETWEEN -180 AND 180),
  tags jsonb NOT NULL DEFAULT '{}'
    CHECK (
      jsonb_typeof(tags) = 'object'
      AND NOT jsonb_path_exists(tags, 'strict $.* ? (@.type() != "string")')
    ),
  probe_version text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz,
  revision bigint NOT NULL DEFAULT 1,
  published_revision bigint NOT NULL DEFAULT 0
)
-- last_seen_at is in no index: with room left in the pages its updates stay within them (HOT).
WITH (fillfactor = 80);

-- Holds only what waits to be published, so it is as good as empty.
CREATE INDEX nodes_unpublished ON nodes (node_id) WHERE published_revision < revision;

COMMENT ON TABLE nodes IS 'Probes that FiberStream knows; every metric''s node is here';
COMMENT ON COLUMN nodes.node_id IS 'The probe, one node over all tenants';
COMMENT ON COLUMN nodes.node_name IS 'Name given at registration; probe- and the first 8 characters of node_id when none is given';
COMMENT ON COLUMN nodes.display_name IS 'Name given by an operator';
COMMENT ON COLUMN nodes.status IS 'registered: known, no metric stored yet; reporting: has sent metrics; inactive, deleted: set by an operator';
COMMENT ON COLUMN nodes.country IS 'ISO 3166-1 alpha-2';
COMMENT ON COLUMN nodes.region IS 'Region as its owner names regions';
COMMENT ON COLUMN nodes.city IS 'City';
COMMENT ON COLUMN nodes.lat IS 'Latitude, WGS 84, degrees north';
COMMENT ON COLUMN nodes.lng IS 'Longitude, WGS 84, degrees east';
COMMENT ON COLUMN nodes.tags IS 'Free tags: a JSON object whose values are strings';
COMMENT ON COLUMN nodes.probe_version IS 'Version of the probe''s software';
COMMENT ON COLUMN nodes.created_at IS 'When the node was registered';
COMMENT ON COLUMN nodes.updated_at IS 'When a published column last changed; kept by a trigger';
COMMENT ON COLUMN nodes.last_seen_at IS 'When a gateway last took in one of its metrics, to about 10 s; not published';
COMMENT ON COLUMN nodes.revision IS 'Counts the changes of published columns; raised by a trigger';
COMMENT ON COLUMN nodes.published_revision IS 'The revision that probe.nodes has for certain; below revision: waits to be published';

-- An insert of an id alone is a registration; a change of what others see is a new revision.
CREATE FUNCTION nodes_keep_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.node_name := coalesce(NEW.node_name, 'probe-' || left(NEW.node_id, 8));
  IF TG_OP = 'UPDATE' AND
     (NEW.node_name, NEW.display_name, NEW.status, NEW.country, NEW.region, NEW.city,
      NEW.lat, NEW.lng, NEW.tags, NEW.probe_version, NEW.created_at)
     IS DISTINCT FROM
     (OLD.node_name, OLD.display_name, OLD.status, OLD.country, OLD.region, OLD.city,
      OLD.lat, OLD.lng, OLD.tags, OLD.probe_version, OLD.created_at)
  THEN
    NEW.revision := OLD.revision + 1;
    NEW.updated_at := now();
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER nodes_keep_revision BEFORE INSERT OR UPDATE ON nodes
  FOR EACH ROW EXECUTE FUNCTION nodes_keep_revision();

-- Wakes the publisher at commit. Equal notices of one transaction are one; a row that an
-- ON CONFLICT DO NOTHING leaves out, and a touch of last_seen_at, cause none.
CREATE FUNCTION nodes_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NOTIFY nodes_changed;
  RETURN NULL;
END
$$;
CREATE TRIGGER nodes_notify_insert AFTER INSERT ON nodes
  FOR EACH ROW EXECUTE FUNCTION nodes_notify();
CREATE TRIGGER nodes_notify_update AFTER UPDATE ON nodes
  FOR EACH ROW WHEN (NEW.revision > OLD.revision) EXECUTE FUNCTION nodes_notify();
