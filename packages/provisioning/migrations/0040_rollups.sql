-- Roll-ups of a minute, 5 minutes, an hour and a day, by node (with target and probe type) and by region: docs/rollups.md. They
-- are the same with TimescaleDB's Apache and Community edition. All sums are integers, so that they are exact in any order.

-- What was there before: continuous aggregates with the Community edition, views over all rows with the Apache edition.
DO $$
DECLARE
  relation text;
BEGIN
  FOREACH relation IN ARRAY ARRAY[
    'metrics_1m', 'metrics_5m', 'metrics_1h', 'metrics_1d',
    'metrics_region_1m', 'metrics_region_5m', 'metrics_region_1h', 'metrics_region_1d'
  ] LOOP
    IF EXISTS (SELECT FROM timescaledb_information.continuous_aggregates WHERE view_name = relation) THEN
      EXECUTE format('DROP MATERIALIZED VIEW %I', relation);
    ELSE
      EXECUTE format('DROP VIEW %I', relation);
    END IF;
  END LOOP;
  -- Rows are dropped by drop_old_chunks() with both editions from now on, once the roll-ups have counted them.
  IF current_setting('timescaledb.license') <> 'apache' THEN
    PERFORM remove_retention_policy('metrics', if_exists => true);
  END IF;
END
$$;

CREATE TABLE rollup_series (
  series_id bigint PRIMARY KEY,
  node_id varchar(50) NOT NULL,
  tenant text NOT NULL,
  country text NOT NULL,
  region text NOT NULL,
  probe_type text NOT NULL,
  target_host text
);
CREATE INDEX rollup_series_node ON rollup_series (node_id);
CREATE INDEX rollup_series_region ON rollup_series (country, region, tenant);
COMMENT ON TABLE rollup_series IS 'What roll-ups by node are of: a node, as it describes itself, and one thing that it measures';
COMMENT ON COLUMN rollup_series.series_id IS 'The first 8 bytes of the MD5 of the other columns';
COMMENT ON COLUMN rollup_series.node_id IS 'The probe';
COMMENT ON COLUMN rollup_series.tenant IS 'Whose probe it is';
COMMENT ON COLUMN rollup_series.country IS 'Where the probe said it stands: ISO 3166-1 alpha-2';
COMMENT ON COLUMN rollup_series.region IS 'Where the probe said it stands, as its owner names regions';
COMMENT ON COLUMN rollup_series.probe_type IS 'How it measures';
COMMENT ON COLUMN rollup_series.target_host IS 'What it measures; null when the probe did not say';

CREATE FUNCTION rollup_series_id(
  node_id text, tenant text, country text, region text, probe_type text, target_host text
) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog
AS $$
  SELECT ('x' || left(md5(ARRAY[node_id, tenant, country, region, probe_type, target_host]::text), 16))::bit(64)::bigint
$$;
COMMENT ON FUNCTION rollup_series_id(text, text, text, text, text, text) IS 'The series_id of rollup_series';

-- Columns stand by alignment.
CREATE TABLE rollup_1m (
  series_id bigint NOT NULL,
  bucket timestamptz NOT NULL,
  latency_sum_ns bigint NOT NULL,
  uptime_sum_ppm bigint NOT NULL,
  loss_sum_ppm bigint NOT NULL,
  sent bigint NOT NULL,
  lost bigint NOT NULL,
  latency_min_ms double precision,
  latency_max_ms double precision,
  packet_loss_max double precision NOT NULL,
  events integer NOT NULL,
  measured integer NOT NULL,
  anomalies integer NOT NULL,
  latency_bins bigint[],
  PRIMARY KEY (series_id, bucket)
);
COMMENT ON COLUMN rollup_1m.series_id IS 'Of rollup_series';
COMMENT ON COLUMN rollup_1m.bucket IS 'Start of the bucket';
COMMENT ON COLUMN rollup_1m.latency_sum_ns IS 'Sum of the latencies, each rounded to a nanosecond';
COMMENT ON COLUMN rollup_1m.uptime_sum_ppm IS 'Sum of uptime_pct over all events, each rounded to a ten-thousandth of a percent';
COMMENT ON COLUMN rollup_1m.loss_sum_ppm IS 'Sum of packet_loss over all events (100 for one without latency), each rounded to a ten-thousandth of a percent';
COMMENT ON COLUMN rollup_1m.sent IS 'Packets sent, of events that said how many were sent and received';
COMMENT ON COLUMN rollup_1m.lost IS 'Packets lost, of the same events';
COMMENT ON COLUMN rollup_1m.latency_min_ms IS 'The least latency, ms; null when there was none';
COMMENT ON COLUMN rollup_1m.latency_max_ms IS 'The most, ms';
COMMENT ON COLUMN rollup_1m.packet_loss_max IS 'The most packet loss of an event (100 for one without latency), percent';
COMMENT ON COLUMN rollup_1m.events IS 'Events';
COMMENT ON COLUMN rollup_1m.measured IS 'Events with a latency from 0 to 10,000 ms; only their latency counts';
COMMENT ON COLUMN rollup_1m.anomalies IS 'Events whose anomaly_score is 0.5 or more';
COMMENT ON COLUMN rollup_1m.latency_bins IS 'Distribution of the latencies: for each bin with events (see latency_bin) the bin times 2^48 plus their number';
CREATE TABLE rollup_5m (LIKE rollup_1m INCLUDING ALL);
CREATE TABLE rollup_1h (LIKE rollup_1m INCLUDING ALL);
CREATE TABLE rollup_1d (LIKE rollup_1m INCLUDING ALL);

CREATE TABLE rollup_region_1m (
  bucket timestamptz NOT NULL,
  latency_sum_ns bigint NOT NULL,
  uptime_sum_ppm bigint NOT NULL,
  loss_sum_ppm bigint NOT NULL,
  sent bigint NOT NULL,
  lost bigint NOT NULL,
  latency_min_ms double precision,
  latency_max_ms double precision,
  packet_loss_max double precision NOT NULL,
  events bigint NOT NULL,
  measured bigint NOT NULL,
  anomalies bigint NOT NULL,
  nodes integer NOT NULL,
  tenant text NOT NULL,
  country text NOT NULL,
  region text NOT NULL,
  latency_bins bigint[],
  PRIMARY KEY (country, region, tenant, bucket)
);
COMMENT ON COLUMN rollup_region_1m.bucket IS 'Start of the bucket';
COMMENT ON COLUMN rollup_region_1m.latency_sum_ns IS 'As in rollup_1m';
COMMENT ON COLUMN rollup_region_1m.uptime_sum_ppm IS 'As in rollup_1m';
COMMENT ON COLUMN rollup_region_1m.loss_sum_ppm IS 'As in rollup_1m';
COMMENT ON COLUMN rollup_region_1m.sent IS 'As in rollup_1m';
COMMENT ON COLUMN rollup_region_1m.lost IS 'As in rollup_1m';
COMMENT ON COLUMN rollup_region_1m.latency_min_ms IS 'As in rollup_1m';
COMMENT ON COLUMN rollup_region_1m.latency_max_ms IS 'As in rollup_1m';
COMMENT ON COLUMN rollup_region_1m.packet_loss_max IS 'As in rollup_1m';
COMMENT ON COLUMN rollup_region_1m.events IS 'As in rollup_1m';
COMMENT ON COLUMN rollup_region_1m.measured IS 'As in rollup_1m';
COMMENT ON COLUMN rollup_region_1m.anomalies IS 'As in rollup_1m';
COMMENT ON COLUMN rollup_region_1m.nodes IS 'Nodes with events in the bucket';
COMMENT ON COLUMN rollup_region_1m.tenant IS 'Whose probes they are';
COMMENT ON COLUMN rollup_region_1m.country IS 'Where they said they stand: ISO 3166-1 alpha-2';
COMMENT ON COLUMN rollup_region_1m.region IS 'Where they said they stand, as their owner names regions';
COMMENT ON COLUMN rollup_region_1m.latency_bins IS 'As in rollup_1m';
CREATE TABLE rollup_region_5m (LIKE rollup_region_1m INCLUDING ALL);
CREATE TABLE rollup_region_1h (LIKE rollup_region_1m INCLUDING ALL);
CREATE TABLE rollup_region_1d (LIKE rollup_region_1m INCLUDING ALL);

-- A chunk is dropped as a whole. In the order of time a block range index costs next to nothing; late rows are outliers,
-- which minmax_multi keeps apart.
DO $$
DECLARE
  width record;
  kind text;
BEGIN
  FOR width IN
    SELECT * FROM (VALUES
      ('1m', '1 minute', interval '1 day'), ('5m', '5 minutes', interval '1 day'),
      ('1h', '1 hour', interval '7 days'), ('1d', '1 day', interval '91 days')
    ) AS widths (suffix, bucket, chunk)
  LOOP
    FOREACH kind IN ARRAY ARRAY['', 'region_'] LOOP
      PERFORM create_hypertable(
        format('rollup_%s%s', kind, width.suffix)::regclass, by_range('bucket', width.chunk), create_default_indexes => false);
      EXECUTE format('COMMENT ON TABLE rollup_%s%s IS %L', kind, width.suffix,
        format('Events of %s: by %s', width.bucket, CASE kind WHEN '' THEN 'series' ELSE 'country, region and tenant' END));
    END LOOP;
    EXECUTE format('CREATE INDEX ON rollup_%s USING brin (bucket timestamptz_minmax_multi_ops) WITH (autosummarize = on)', width.suffix);
  END LOOP;
END
$$;

-- What has to be computed again. A statement adds its rows in its own transaction, so that rows and marks are committed, or
-- lost, together.
CREATE TABLE rollup_marks (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  due_at timestamptz NOT NULL,
  width_min integer NOT NULL CHECK (width_min IN (1, 5, 60, 1440)),
  pairs integer NOT NULL,
  first_minute integer NOT NULL,
  last_minute integer NOT NULL,
  nodes text[] NOT NULL,
  minutes integer[] NOT NULL
);
CREATE INDEX rollup_marks_due ON rollup_marks (width_min, due_at);
COMMENT ON TABLE rollup_marks IS 'Nodes and buckets whose roll-up is to be computed again; a row has those of one statement';
COMMENT ON COLUMN rollup_marks.id IS 'Number';
COMMENT ON COLUMN rollup_marks.due_at IS 'When it is to be done: at the end of the bucket, at once after it';
COMMENT ON COLUMN rollup_marks.width_min IS 'Which roll-up: 1, 5, 60 or 1440 minutes';
COMMENT ON COLUMN rollup_marks.pairs IS 'How many nodes and buckets';
COMMENT ON COLUMN rollup_marks.first_minute IS 'The earliest bucket: its start in minutes since 1970';
COMMENT ON COLUMN rollup_marks.last_minute IS 'The latest bucket';
COMMENT ON COLUMN rollup_marks.nodes IS 'Node of each pair';
COMMENT ON COLUMN rollup_marks.minutes IS 'Bucket of each pair: its start in minutes since 1970';

-- Which events were counted, for the time after their rows are gone: one that comes again must not count twice.
CREATE TABLE rollup_counted (
  hour timestamptz NOT NULL,
  counted_at timestamptz NOT NULL DEFAULT now(),
  node_id varchar(50) NOT NULL,
  ids bigint[] NOT NULL,
  PRIMARY KEY (node_id, hour)
);
CREATE INDEX rollup_counted_at ON rollup_counted USING brin (counted_at);
COMMENT ON TABLE rollup_counted IS 'Events that the roll-ups have counted and whose rows are gone';
COMMENT ON COLUMN rollup_counted.hour IS 'Hour of the events'' time';
COMMENT ON COLUMN rollup_counted.counted_at IS 'When the last of them was added';
COMMENT ON COLUMN rollup_counted.node_id IS 'The probe';
COMMENT ON COLUMN rollup_counted.ids IS 'The first 8 bytes of their event_id';

CREATE TABLE rollup_state (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  sealed_before timestamptz NOT NULL DEFAULT '-infinity',
  backfilled_from timestamptz NOT NULL,
  backfill_to timestamptz NOT NULL,
  sparse_events integer NOT NULL DEFAULT 120
);
COMMENT ON TABLE rollup_state IS 'One row: how far the roll-ups are';
COMMENT ON COLUMN rollup_state.is_only IS 'Always true, so that there is one row';
COMMENT ON COLUMN rollup_state.sealed_before IS 'Rows of metrics before this may be gone: what is added there is added to the roll-ups, nothing is computed again';
COMMENT ON COLUMN rollup_state.backfilled_from IS 'Rows from here on are marked; of those before, from backfill_to on, not yet all that were there before the roll-ups were';
COMMENT ON COLUMN rollup_state.backfill_to IS 'The time of the first row that was there before the roll-ups were';
COMMENT ON COLUMN rollup_state.sparse_events IS 'Roll-ups of a minute would be as many as the events of a series that has at most so many in an hour: they are kept only as long as its rows';
INSERT INTO rollup_state (backfilled_from, backfill_to)
SELECT coalesce(max(range_end), now()), coalesce(min(range_start), now())
FROM timescaledb_information.chunks WHERE hypertable_schema = 'public' AND hypertable_name = 'metrics';
