-- The books that tell whether an event was lost, doubled or altered between the gateway's 202 and its row:
-- docs/reconciliation.md. The sink keeps its own in the transaction of its rows; the processor's come from the
-- topic probe.reconciliation.
CREATE TABLE reconciliation_books (
  minute timestamptz NOT NULL,
  stage text NOT NULL CHECK (stage IN ('processor', 'sink')),
  partition integer NOT NULL,
  read_count bigint NOT NULL,
  read_sum numeric(20) NOT NULL,
  read_xor bigint NOT NULL,
  written_count bigint NOT NULL,
  written_sum numeric(20) NOT NULL,
  written_xor bigint NOT NULL,
  left_out_count bigint NOT NULL,
  left_out_sum numeric(20) NOT NULL,
  left_out_xor bigint NOT NULL,
  conflicts bigint NOT NULL,
  refused bigint NOT NULL,
  dead bigint NOT NULL,
  rewritten bigint NOT NULL,
  is_judged boolean NOT NULL DEFAULT false,
  PRIMARY KEY (minute, stage, partition)
)
-- Every write adds to a minute's rows: with room left in the pages the updates stay within them (HOT).
WITH (fillfactor = 50);
CREATE INDEX reconciliation_books_open ON reconciliation_books (minute) WHERE NOT is_judged;

COMMENT ON TABLE reconciliation_books IS 'What each stage did with the events of a minute and partition: counts, and digests that tell whether they are the same events';
COMMENT ON COLUMN reconciliation_books.minute IS 'Minute of received_at; of dead letters the minute of their Kafka timestamp';
COMMENT ON COLUMN reconciliation_books.stage IS 'processor (raw to enriched) or sink (enriched to rows)';
COMMENT ON COLUMN reconciliation_books.partition IS 'Partition, the same number in raw and enriched';
COMMENT ON COLUMN reconciliation_books.read_count IS 'Events read that could be decoded';
COMMENT ON COLUMN reconciliation_books.read_sum IS 'Sum of uuid_hash_extended(event_id, 0) of them, modulo 2^64';
COMMENT ON COLUMN reconciliation_books.read_xor IS 'Xor of the same';
COMMENT ON COLUMN reconciliation_books.written_count IS 'Events written: enriched records, or rows';
COMMENT ON COLUMN reconciliation_books.written_sum IS 'As read_sum';
COMMENT ON COLUMN reconciliation_books.written_xor IS 'As read_xor';
COMMENT ON COLUMN reconciliation_books.left_out_count IS 'Events left out: repeats, conflicts and refused rows';
COMMENT ON COLUMN reconciliation_books.left_out_sum IS 'As read_sum';
COMMENT ON COLUMN reconciliation_books.left_out_xor IS 'As read_xor';
COMMENT ON COLUMN reconciliation_books.conflicts IS 'How many of those left out are in metric_conflicts';
COMMENT ON COLUMN reconciliation_books.refused IS 'How many of those left out are dead letters: rows that PostgreSQL refused';
COMMENT ON COLUMN reconciliation_books.dead IS 'Dead letters that are not among those read';
COMMENT ON COLUMN reconciliation_books.rewritten IS 'Rows written from offsets that had been read before, after a rewind';
COMMENT ON COLUMN reconciliation_books.is_judged IS 'Whether reconciled_minutes has them as they are';

CREATE TABLE reconciliation_positions (
  stage text NOT NULL CHECK (stage IN ('processor', 'sink', 'entries')),
  partition integer NOT NULL,
  log text NOT NULL,
  next_offset bigint NOT NULL,
  complete_after timestamptz,
  PRIMARY KEY (stage, partition)
)
WITH (fillfactor = 50);
COMMENT ON TABLE reconciliation_positions IS 'How far the books of each stage and partition are';
COMMENT ON COLUMN reconciliation_positions.stage IS 'As in reconciliation_books; entries: how far probe.reconciliation is read';
COMMENT ON COLUMN reconciliation_positions.partition IS 'Partition';
COMMENT ON COLUMN reconciliation_positions.log IS 'The topic''s id, empty while not known';
COMMENT ON COLUMN reconciliation_positions.next_offset IS 'Offset of the first record that is not in the books';
COMMENT ON COLUMN reconciliation_positions.complete_after IS 'Of minutes up to this one not all is in the books, because they begin in it; null when they begin with the log';

CREATE TABLE reconciliation_breaks (
  stage text NOT NULL,
  partition integer NOT NULL,
  kind text NOT NULL CHECK (kind IN ('skipped', 'read again', 'without a record')),
  from_offset bigint NOT NULL,
  to_offset bigint NOT NULL,
  events bigint NOT NULL,
  minute timestamptz NOT NULL,
  found_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (stage, partition, kind, from_offset)
);
COMMENT ON TABLE reconciliation_breaks IS 'Offsets that a stage has skipped, or read more than once where it should not';
COMMENT ON COLUMN reconciliation_breaks.stage IS 'As in reconciliation_books';
COMMENT ON COLUMN reconciliation_breaks.partition IS 'Partition';
COMMENT ON COLUMN reconciliation_breaks.kind IS 'skipped; read again; without a record: fewer records were read than the topic has offsets';
COMMENT ON COLUMN reconciliation_breaks.from_offset IS 'The first of them';
COMMENT ON COLUMN reconciliation_breaks.to_offset IS 'The first one after them';
COMMENT ON COLUMN reconciliation_breaks.events IS 'How many events that may be';
COMMENT ON COLUMN reconciliation_breaks.minute IS 'The minute that it is counted in: of what was read behind them';
COMMENT ON COLUMN reconciliation_breaks.found_at IS 'When it was found';

CREATE TABLE reconciled_minutes (
  minute timestamptz PRIMARY KEY,
  verdict text NOT NULL CHECK (verdict IN ('ok', 'differs', 'not known')),
  events bigint NOT NULL,
  unaccounted bigint NOT NULL,
  findings jsonb NOT NULL,
  judged_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE reconciled_minutes IS 'Whether every event that was received in a minute is accounted for';
COMMENT ON COLUMN reconciled_minutes.minute IS 'Minute of received_at';
COMMENT ON COLUMN reconciled_minutes.verdict IS 'ok, differs (events are lost, doubled or others), or not known';
COMMENT ON COLUMN reconciled_minutes.events IS 'Events of the minute in raw, repeats included';
COMMENT ON COLUMN reconciled_minutes.unaccounted IS 'How many events are lost, doubled or others, at the least';
COMMENT ON COLUMN reconciled_minutes.findings IS 'What differs or is not known: partition, equation, by how many events, offset';
COMMENT ON COLUMN reconciled_minutes.judged_at IS 'When; again when something of the minute comes late';

-- Finds a minute's rows too: they arrive in the order of received_at as well. One index of both columns is less work for
-- COPY than two.
DROP INDEX metrics_time;
CREATE INDEX metrics_time ON metrics USING brin (time, received_at)
  WITH (pages_per_range = 32, autosummarize = on);

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_sink') THEN
    GRANT SELECT, INSERT, UPDATE, DELETE
      ON reconciliation_books, reconciliation_positions, reconciliation_breaks, reconciled_minutes
      TO fiberstream_sink;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    GRANT SELECT
      ON reconciliation_books, reconciliation_positions, reconciliation_breaks, reconciled_minutes
      TO fiberstream_reader;
  END IF;
END
$$;
