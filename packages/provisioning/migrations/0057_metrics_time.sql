-- A row that comes late widens the range of its block of pages by hours, and then every query of a past hour reads that block. With
-- minmax_multi a block has several ranges, and a late row is one of its own. Events arrive in the order of received_at, which
-- stays as it was. While this is built, writes wait: about 4 s for each million rows on a busy machine.
DROP INDEX metrics_time;
CREATE INDEX metrics_time ON metrics USING brin (time timestamptz_minmax_multi_ops, received_at)
  WITH (pages_per_range = 32, autosummarize = on);
