-- The alerts of nodes, as the topic probe.alerts has them: it keeps them for 30 days, and nobody can ask it. The sinks write
-- each record here; an alert is identified, so that a record which is read again changes nothing.
CREATE TABLE node_alerts (
  opened_at timestamptz NOT NULL,
  ended_at timestamptz,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  value double precision NOT NULL,
  usual double precision,
  resolve_below double precision NOT NULL,
  end_value double precision,
  alert_id uuid NOT NULL,
  ended_by uuid,
  node_id varchar(50) NOT NULL,
  tenant text,
  kind text NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'resolved', 'replaced')),
  PRIMARY KEY (alert_id, kind)
);
CREATE INDEX node_alerts_opened ON node_alerts (opened_at, alert_id, kind);
CREATE INDEX node_alerts_ended ON node_alerts (ended_at);
CREATE INDEX node_alerts_changed ON node_alerts (changed_at);
CREATE INDEX node_alerts_node ON node_alerts (node_id, kind, opened_at);
CREATE INDEX node_alerts_tenant ON node_alerts (tenant, opened_at);
CREATE INDEX node_alerts_open ON node_alerts (opened_at) WHERE state = 'open';

COMMENT ON TABLE node_alerts IS 'Conditions of nodes that began, and when they ended: the records of probe.alerts, one row for each alert';
COMMENT ON COLUMN node_alerts.opened_at IS 'Time of the event that opened it, by the probe''s clock';
COMMENT ON COLUMN node_alerts.ended_at IS 'Time of the event that resolved it, by the probe''s clock; of a replaced one, when the next one was opened; null while it is open';
COMMENT ON COLUMN node_alerts.changed_at IS 'When the row was last written';
COMMENT ON COLUMN node_alerts.value IS 'What was measured over the last few events when it was opened: latency in ms, or packet loss in percent, by kind';
COMMENT ON COLUMN node_alerts.usual IS 'What was usual for the node, in the same unit; null if nothing was compared';
COMMENT ON COLUMN node_alerts.resolve_below IS 'The alert resolves when the value falls below this, in the same unit';
COMMENT ON COLUMN node_alerts.end_value IS 'As value, when it was resolved';
COMMENT ON COLUMN node_alerts.alert_id IS 'Identity together with kind: the event_id of the event that opened it';
COMMENT ON COLUMN node_alerts.ended_by IS 'The event_id of the event that resolved it';
COMMENT ON COLUMN node_alerts.node_id IS 'The probe';
COMMENT ON COLUMN node_alerts.tenant IS 'The node''s tenant when the row was written; null if nodes had none';
COMMENT ON COLUMN node_alerts.kind IS 'latency, packet_loss; unknown: a kind that the sink does not know';
COMMENT ON COLUMN node_alerts.state IS 'open; resolved; replaced: its end was never recorded, and the node has a later alert of this kind';

-- No more than a place to resume at: a position that is too low costs a second reading.
CREATE TABLE alert_offsets (
  next_offset bigint NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  partition integer NOT NULL,
  topic text NOT NULL,
  topic_id text NOT NULL,
  PRIMARY KEY (topic, partition)
)
WITH (fillfactor = 50);
COMMENT ON TABLE alert_offsets IS 'How far each partition of probe.alerts has been written to node_alerts';
COMMENT ON COLUMN alert_offsets.next_offset IS 'Offset of the first record that may not be written yet';
COMMENT ON COLUMN alert_offsets.updated_at IS 'When it was moved';
COMMENT ON COLUMN alert_offsets.partition IS 'Partition';
COMMENT ON COLUMN alert_offsets.topic IS 'Topic, as it is named on the cluster';
COMMENT ON COLUMN alert_offsets.topic_id IS 'Id of the topic: a recreated one is read from its beginning';

ALTER TABLE erasures ADD COLUMN alerts_erased bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN erasures.alerts_erased IS 'Rows of node_alerts that were erased';

-- As drop_old_conflicts(): the sink may ask for what is older than data_lifecycle says to be dropped, and nothing else.
CREATE FUNCTION drop_old_alerts() RETURNS integer
LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
  WITH old AS (
    SELECT ctid FROM node_alerts
    WHERE opened_at < now() - (SELECT drop_after FROM data_lifecycle WHERE relation = 'node_alerts')
    ORDER BY opened_at
    LIMIT 10000
    FOR UPDATE SKIP LOCKED
  ), dropped AS (
    DELETE FROM node_alerts USING old WHERE node_alerts.ctid = old.ctid RETURNING 1
  )
  SELECT count(*)::integer FROM dropped
$$;
COMMENT ON FUNCTION drop_old_alerts() IS 'Drops up to 10,000 rows of node_alerts that are older than data_lifecycle says; returns how many';

REVOKE ALL ON FUNCTION drop_old_alerts() FROM PUBLIC;
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_sink') THEN
    GRANT SELECT, INSERT, UPDATE ON node_alerts, alert_offsets TO fiberstream_sink;
    GRANT EXECUTE ON FUNCTION drop_old_alerts() TO fiberstream_sink;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_console') THEN
    GRANT SELECT ON node_alerts TO fiberstream_console;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    GRANT SELECT ON node_alerts, alert_offsets TO fiberstream_reader;
  END IF;
END
$$;
