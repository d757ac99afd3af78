-- An offset means nothing in another log: a topic that was deleted and made again, another cluster.
ALTER TABLE sink_offsets ADD COLUMN cluster_id text, ADD COLUMN topic_id text;

COMMENT ON COLUMN sink_offsets.cluster_id IS 'Kafka''s id of the cluster that the offset is of; null in rows of before, until a sink takes the partition';
COMMENT ON COLUMN sink_offsets.topic_id IS 'Kafka''s id of the topic that the offset is of, another one when a topic is made anew; null in rows of before, until a sink takes the partition';
