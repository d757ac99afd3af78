-- Moves in the same transaction as the rows, so that both are there or neither is.
CREATE TABLE sink_offsets (
  topic text NOT NULL,
  partition integer NOT NULL,
  next_offset bigint NOT NULL CHECK (next_offset >= 0),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, partition)
)
WITH (fillfactor = 50);

COMMENT ON TABLE sink_offsets IS 'How far the sink has written each partition: the truth, Kafka''s own commit only serves lag tools';
COMMENT ON COLUMN sink_offsets.topic IS 'Topic as it is named on the cluster';
COMMENT ON COLUMN sink_offsets.partition IS 'Partition of the topic';
COMMENT ON COLUMN sink_offsets.next_offset IS 'Offset of the first record that is not written yet';
COMMENT ON COLUMN sink_offsets.updated_at IS 'When it last moved';
