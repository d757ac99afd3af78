-- What the processor derives of an event and its node's recent past, and a place for what is newer than
-- this table. Columns that are added take no space in rows where they are null.
ALTER TABLE metrics
  ADD COLUMN latency_mean_ms double precision,
  ADD COLUMN latency_stddev_ms double precision,
  ADD COLUMN latency_z double precision,
  ADD COLUMN anomaly_score double precision,
  ADD COLUMN packet_loss_spike boolean,
  ADD COLUMN anomaly_reason text,
  ADD COLUMN quality text,
  ADD COLUMN extra jsonb;

COMMENT ON COLUMN metrics.latency_mean_ms IS 'Mean latency of the node''s last events before this one, ms; null while there were too few';
COMMENT ON COLUMN metrics.latency_stddev_ms IS 'Standard deviation of the latency of the same events, ms';
COMMENT ON COLUMN metrics.latency_z IS 'How many standard deviations the latency is above that mean, below it when negative';
COMMENT ON COLUMN metrics.anomaly_score IS 'How unusual the event is for its node, 0 to 1; from 0.5 on it is an anomaly';
COMMENT ON COLUMN metrics.packet_loss_spike IS 'Whether the packet loss is far above that of the node''s last events';
COMMENT ON COLUMN metrics.anomaly_reason IS 'What makes the event an anomaly: latency or packet_loss; null when it is none';
COMMENT ON COLUMN metrics.quality IS 'How far the time may be trusted: good, late (measured long before it was received), ahead (measured after), or unknown';
COMMENT ON COLUMN metrics.extra IS 'Fields of the record that had no column when the row was written; null when they said nothing';
