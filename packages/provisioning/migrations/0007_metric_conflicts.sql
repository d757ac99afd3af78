-- Both versions side by side, whatever columns metrics has by then, and the record that brought the later one.
ALTER TABLE metric_conflicts RENAME TO metric_conflicts_before;
DROP INDEX metric_conflicts_identity, metric_conflicts_detected_at;

CREATE TABLE metric_conflicts (
  time timestamptz NOT NULL,
  detected_at timestamptz NOT NULL DEFAULT now(),
  record_offset bigint,
  partition integer,
  event_id uuid NOT NULL,
  node_id varchar(50) NOT NULL,
  topic text,
  stored jsonb NOT NULL,
  received jsonb NOT NULL
);
INSERT INTO metric_conflicts (time, detected_at, event_id, node_id, stored, received)
SELECT before.time, before.detected_at, before.event_id, before.node_id,
       to_jsonb(metrics), to_jsonb(before) - 'detected_at'
FROM metric_conflicts_before AS before
JOIN metrics USING (node_id, time, event_id);
DROP TABLE metric_conflicts_before;

CREATE INDEX metric_conflicts_identity ON metric_conflicts (node_id, time);
CREATE INDEX metric_conflicts_detected_at ON metric_conflicts (detected_at);
-- A record that is read again is kept once. The event_id tells records of a topic that was made anew apart.
CREATE UNIQUE INDEX metric_conflicts_origin
  ON metric_conflicts (topic, partition, record_offset, event_id);

COMMENT ON TABLE metric_conflicts IS 'Events that came again with other content under the same identity; the first one stays in metrics';
COMMENT ON COLUMN metric_conflicts.time IS 'Time of both, part of the identity';
COMMENT ON COLUMN metric_conflicts.detected_at IS 'When the sink found it';
COMMENT ON COLUMN metric_conflicts.record_offset IS 'Offset of the record that brought the later version; null for those found before it was kept';
COMMENT ON COLUMN metric_conflicts.partition IS 'Partition of that record';
COMMENT ON COLUMN metric_conflicts.event_id IS 'Event of both, part of the identity';
COMMENT ON COLUMN metric_conflicts.node_id IS 'The probe, part of the identity';
COMMENT ON COLUMN metric_conflicts.topic IS 'Topic of that record';
COMMENT ON COLUMN metric_conflicts.stored IS 'The version that came first, as it is in metrics';
COMMENT ON COLUMN metric_conflicts.received IS 'The version that came later, by the same columns';
