-- An outage is a measurement, too: an event of which nothing came back has no latency. Its loss and its availability count.
-- Rows of before keep what they have.
ALTER TABLE metrics ALTER COLUMN latency_ms DROP NOT NULL;

-- What a probe may send beside the one latency; null takes no space in a row.
ALTER TABLE metrics
  ADD COLUMN sent integer,
  ADD COLUMN received integer,
  ADD COLUMN rtt_min_ms double precision,
  ADD COLUMN rtt_max_ms double precision,
  ADD COLUMN rtt_stddev_ms double precision,
  ADD COLUMN jitter_ms double precision,
  ADD COLUMN rtts_ms double precision[],
  ADD COLUMN error text;

COMMENT ON COLUMN metrics.latency_ms IS 'Measured round-trip time, ms; null when nothing came back';
COMMENT ON COLUMN metrics.sent IS 'How many packets or requests the probe sent for this measurement';
COMMENT ON COLUMN metrics.received IS 'How many of them were answered; at most sent';
COMMENT ON COLUMN metrics.rtt_min_ms IS 'The shortest round-trip time of the measurement, ms';
COMMENT ON COLUMN metrics.rtt_max_ms IS 'The longest round-trip time of the measurement, ms';
COMMENT ON COLUMN metrics.rtt_stddev_ms IS 'Standard deviation of the round-trip times of the measurement, ms';
COMMENT ON COLUMN metrics.jitter_ms IS 'How much the round-trip time changes from one packet to the next, ms';
COMMENT ON COLUMN metrics.rtts_ms IS 'Round-trip times of single packets, ms, at most 20, without those that were lost';
COMMENT ON COLUMN metrics.error IS 'Why the measurement, or a part of it, failed: timeout, unreachable, refused, dns, tls, http or other; null when it did not';
