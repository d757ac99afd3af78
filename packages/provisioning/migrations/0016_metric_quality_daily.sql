-- What came of each node on each day (UTC), and what should have. The sink's upkeep measures it from metrics,
-- some nodes at a time; repeats are counted when they come, because nothing else is left of them.
CREATE TABLE metric_quality_daily (
  day date NOT NULL,
  node_id varchar(50) NOT NULL,
  events bigint NOT NULL DEFAULT 0,
  expected bigint,
  interval_s double precision,
  gaps bigint NOT NULL DEFAULT 0,
  longest_gap_s double precision,
  late bigint NOT NULL DEFAULT 0,
  ahead bigint NOT NULL DEFAULT 0,
  delay_min_ms double precision,
  delay_p50_ms double precision,
  delay_max_ms double precision,
  out_of_range bigint NOT NULL DEFAULT 0,
  conflicts bigint NOT NULL DEFAULT 0,
  repeats bigint NOT NULL DEFAULT 0,
  measured_at timestamptz,
  PRIMARY KEY (day, node_id)
)
-- Counts are in no index: with room left in the pages their updates stay within them (HOT).
WITH (fillfactor = 80);
CREATE INDEX metric_quality_daily_node ON metric_quality_daily (node_id, day);

COMMENT ON TABLE metric_quality_daily IS 'What came of each node on each day, and how good it was';
COMMENT ON COLUMN metric_quality_daily.day IS 'Day in UTC, by the events'' own time';
COMMENT ON COLUMN metric_quality_daily.node_id IS 'The probe';
COMMENT ON COLUMN metric_quality_daily.events IS 'Rows of the day in metrics';
COMMENT ON COLUMN metric_quality_daily.expected IS 'Events that the node''s own rhythm lets expect so far; null when it sent too few to have one';
COMMENT ON COLUMN metric_quality_daily.interval_s IS 'Its rhythm: the median time between two events of one probe type and target, the shortest of the node''s, s';
COMMENT ON COLUMN metric_quality_daily.gaps IS 'Silences of more than three times the rhythm';
COMMENT ON COLUMN metric_quality_daily.longest_gap_s IS 'The longest time between two events, s; the day''s ends count';
COMMENT ON COLUMN metric_quality_daily.late IS 'Events that were received long after they were measured';
COMMENT ON COLUMN metric_quality_daily.ahead IS 'Events that were measured after they were received, by the probe''s clock';
COMMENT ON COLUMN metric_quality_daily.delay_min_ms IS 'The least of received_at minus time, ms: below 0 the clock is ahead, far above it behind';
COMMENT ON COLUMN metric_quality_daily.delay_p50_ms IS 'The median of the same, ms';
COMMENT ON COLUMN metric_quality_daily.delay_max_ms IS 'The most of the same, ms';
COMMENT ON COLUMN metric_quality_daily.out_of_range IS 'Events with a value that the gateway would refuse, so from another producer';
COMMENT ON COLUMN metric_quality_daily.conflicts IS 'Events that came again with other content';
COMMENT ON COLUMN metric_quality_daily.repeats IS 'Events that came again after the processor''s window of 10 minutes, those with other content among them';
COMMENT ON COLUMN metric_quality_daily.measured_at IS 'Up to when it was measured; null while only repeats are known';

-- How far the measuring of a day is; one sink at a time.
CREATE TABLE metric_quality_days (
  day date PRIMARY KEY,
  started_at timestamptz NOT NULL,
  next_node varchar(50),
  finished_at timestamptz
);
COMMENT ON TABLE metric_quality_days IS 'How far the measuring of metric_quality_daily is';
COMMENT ON COLUMN metric_quality_days.day IS 'Day in UTC';
COMMENT ON COLUMN metric_quality_days.started_at IS 'When its last pass over all nodes began';
COMMENT ON COLUMN metric_quality_days.next_node IS 'The pass goes on after this node';
COMMENT ON COLUMN metric_quality_days.finished_at IS 'When the pass ended; null while it goes on';

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_sink') THEN
    GRANT SELECT, INSERT, UPDATE, DELETE ON metric_quality_daily, metric_quality_days TO fiberstream_sink;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    GRANT SELECT ON metric_quality_daily, metric_quality_days TO fiberstream_reader;
  END IF;
END
$$;
