-- Columns stand by alignment (8 bytes, then uuid, then text), which saves padding in every row.
--
-- The node's data of an enriched record (node_name, node_city, ...) is not stored: it is in nodes,
-- where it is right after a rename or a move too, and the view metrics_enriched joins it. What is
-- stored of places is what the probe said (country, region) and what the relay said (source_region).
--
-- There is no foreign key to nodes, which would be checked row by row and halves ingest (measured:
-- 76k against 165k rows/s): the sink inserts missing nodes set-wise in the same transaction.
CREATE TABLE metrics (
  time timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  latency_ms double precision NOT NULL,
  uptime_pct double precision NOT NULL,
  packet_loss double precision NOT NULL,
  event_id uuid NOT NULL,
  node_id varchar(50) NOT NULL CHECK (node_id <> ''),
  tenant text NOT NULL,
  country text NOT NULL,
  region text NOT NULL,
  source_region text,
  target_host text,
  probe_type text NOT NULL,
  enrichment_status text NOT NULL,
  metadata jsonb
);

SELECT create_hypertable(
  'metrics',
  by_range('time', INTERVAL '7 days'),
  create_default_indexes => false
);

-- Makes a repeat of an event impossible, and serves queries by node and time.
-- TimescaleDB asks that a unique index has the time column in it.
CREATE UNIQUE INDEX metrics_identity ON metrics (node_id, time, event_id);

-- For queries over all nodes in a time range: rows arrive roughly in the order of time, and a block
-- range index costs next to nothing to keep, where a B-tree on time costs a third of ingest.
CREATE INDEX metrics_time ON metrics USING brin (time)
  WITH (pages_per_range = 32, autosummarize = on);

COMMENT ON TABLE metrics IS 'One row for each event, exactly once';
COMMENT ON COLUMN metrics.time IS 'When it was measured, by the probe''s clock, to the microsecond';
COMMENT ON COLUMN metrics.received_at IS 'When the gateway took it in, by the gateway''s clock';
COMMENT ON COLUMN metrics.latency_ms IS 'Measured round-trip time, ms';
COMMENT ON COLUMN metrics.uptime_pct IS 'Share of the probe''s checks that its target answered, percent';
COMMENT ON COLUMN metrics.packet_loss IS 'Share of packets lost, percent';
COMMENT ON COLUMN metrics.event_id IS 'Identity: UUIDv5 of tenant, node_id, time, probe_type and target_host';
COMMENT ON COLUMN metrics.node_id IS 'The probe; its data is in nodes';
COMMENT ON COLUMN metrics.tenant IS 'Whose probe it is';
COMMENT ON COLUMN metrics.country IS 'Where the probe said it stands: ISO 3166-1 alpha-2';
COMMENT ON COLUMN metrics.region IS 'Where the probe said it stands, as its owner names regions';
COMMENT ON COLUMN metrics.source_region IS 'The relay''s region; null when the event came directly';
COMMENT ON COLUMN metrics.target_host IS 'What was measured; null when the probe did not say';
COMMENT ON COLUMN metrics.probe_type IS 'How it was measured';
COMMENT ON COLUMN metrics.enrichment_status IS 'Whether the record in probe.metrics.enriched had its node''s data: complete, unavailable or unknown';
COMMENT ON COLUMN metrics.metadata IS 'What else the probe told';

-- An event whose identity is stored already, with other content. The first one stays in metrics.
CREATE TABLE metric_conflicts (
  LIKE metrics INCLUDING COMMENTS,
  detected_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX metric_conflicts_identity ON metric_conflicts (node_id, time);
CREATE INDEX metric_conflicts_detected_at ON metric_conflicts (detected_at);
COMMENT ON TABLE metric_conflicts IS 'Events that came again with other content under the same identity; the first one stays in metrics';
COMMENT ON COLUMN metric_conflicts.detected_at IS 'When the sink found it';
