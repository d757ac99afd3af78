-- What operators have erased with fiber erase, and how far. Kafka's logs still have the events for a while: the sink reads
-- this table, and leaves out what it reads of them again.
CREATE TABLE erasures (
  erasure_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  honoured_until timestamptz NOT NULL,
  finished_at timestamptz,
  erased_to timestamptz,
  from_time timestamptz,
  to_time timestamptz,
  rows_erased bigint NOT NULL DEFAULT 0,
  roll_ups_erased bigint NOT NULL DEFAULT 0,
  conflicts_erased bigint NOT NULL DEFAULT 0,
  quality_days_erased bigint NOT NULL DEFAULT 0,
  nodes_erased bigint NOT NULL DEFAULT 0,
  node_id varchar(50),
  tenant text,
  requested_by text NOT NULL,
  reason text,
  node_ids text[] NOT NULL DEFAULT '{}',
  CHECK (num_nonnulls(node_id, tenant, from_time, to_time) > 0)
)
WITH (fillfactor = 50);
-- Each write of the sink looks for the newest of them.
CREATE INDEX erasures_honoured ON erasures (honoured_until, requested_at);

COMMENT ON TABLE erasures IS 'What was erased by fiber erase: who, when, what, how much';
COMMENT ON COLUMN erasures.erasure_id IS 'Number of the erasure';
COMMENT ON COLUMN erasures.requested_at IS 'When it was requested; it is about events that were received before';
COMMENT ON COLUMN erasures.honoured_until IS 'Up to when the sink leaves such events out if it reads them again; by then Kafka has none of them any more';
COMMENT ON COLUMN erasures.finished_at IS 'When all of it was erased; null before';
COMMENT ON COLUMN erasures.erased_to IS 'Rows of metrics before this time are erased; an interrupted erasure resumes here';
COMMENT ON COLUMN erasures.from_time IS 'Only events measured at this time or later; null for no bound';
COMMENT ON COLUMN erasures.to_time IS 'Only events measured before this time; null for no bound';
COMMENT ON COLUMN erasures.rows_erased IS 'Rows of metrics that were erased';
COMMENT ON COLUMN erasures.roll_ups_erased IS 'Rows of roll-ups that were erased because the rows they were made of had gone before';
COMMENT ON COLUMN erasures.conflicts_erased IS 'Rows of metric_conflicts that were erased';
COMMENT ON COLUMN erasures.quality_days_erased IS 'Rows of metric_quality_daily that were erased';
COMMENT ON COLUMN erasures.nodes_erased IS 'Rows of nodes that were erased';
COMMENT ON COLUMN erasures.node_id IS 'Only this node; null for all';
COMMENT ON COLUMN erasures.tenant IS 'Only this tenant; null for all';
COMMENT ON COLUMN erasures.requested_by IS 'Who requested it: user of the machine, and of the database';
COMMENT ON COLUMN erasures.reason IS 'Why, in the words of whoever requested it';
COMMENT ON COLUMN erasures.node_ids IS 'Nodes whose own data is erased too: their rows in nodes, records in probe.nodes and cache entries';

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_sink') THEN
    GRANT SELECT ON erasures TO fiberstream_sink;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    GRANT SELECT ON erasures TO fiberstream_reader;
  END IF;
END
$$;
