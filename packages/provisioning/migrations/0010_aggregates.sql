-- Aggregates by node and by region, of a minute, 5 minutes, an hour and a day. With TimescaleDB's
-- Community edition they are continuous aggregates, which outlive the rows that they were made of; its
-- Apache edition has plain views of the same names and columns, over the rows that there are.
DO $$
DECLARE
  is_community boolean := current_setting('timescaledb.license') <> 'apache';
  width record;
  kind record;
  body text;
BEGIN
  FOR width IN
    SELECT * FROM (VALUES
      ('1m', '1 minute'), ('5m', '5 minutes'), ('1h', '1 hour'), ('1d', '1 day')
    ) AS widths (suffix, bucket)
  LOOP
    FOR kind IN
      SELECT * FROM (VALUES
        ('metrics_', 'node_id', 'tenant, country, region'),
        ('metrics_region_', 'country, region', 'tenant')
      ) AS kinds (prefix, key, rest)
    LOOP
      body := format(
        'SELECT time_bucket(%L::interval, time) AS bucket, %s, %s,
                count(*) AS events,
                count(DISTINCT node_id) AS nodes,
                avg(latency_ms) AS latency_avg_ms,
                min(latency_ms) AS latency_min_ms,
                max(latency_ms) AS latency_max_ms,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) AS latency_p50_ms,
                percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms) AS latency_p95_ms,
                percentile_cont(0.99) WITHIN GROUP (ORDER BY latency_ms) AS latency_p99_ms,
                avg(uptime_pct) AS uptime_avg_pct,
                avg(packet_loss) AS packet_loss_avg,
                max(packet_loss) AS packet_loss_max,
                count(*) FILTER (WHERE anomaly_score >= 0.5) AS anomalies
         FROM metrics GROUP BY bucket, %s, %s',
        width.bucket, kind.key, kind.rest, kind.key, kind.rest);
      IF is_community THEN
        EXECUTE format(
          'CREATE MATERIALIZED VIEW %I
           WITH (timescaledb.continuous, timescaledb.materialized_only = false)
           AS %s WITH NO DATA',
          kind.prefix || width.suffix, body);
      ELSE
        EXECUTE format('CREATE VIEW %I AS %s', kind.prefix || width.suffix, body);
      END IF;
      EXECUTE format(
        'COMMENT ON VIEW %I IS %L',
        kind.prefix || width.suffix,
        'Metrics by ' || replace(kind.key, ', ', ' and ') || ' and ' || width.bucket);
    END LOOP;
  END LOOP;
END
$$;

-- What the migration step was told, for policies where TimescaleDB has them, else for the sink's upkeep.
CREATE TABLE data_lifecycle (
  relation text PRIMARY KEY,
  compress_after interval,
  drop_after interval NOT NULL CHECK (drop_after >= interval '1 day')
);
COMMENT ON TABLE data_lifecycle IS 'How long data is kept; written by the migration step from its settings';
COMMENT ON COLUMN data_lifecycle.relation IS 'Table or continuous aggregate';
COMMENT ON COLUMN data_lifecycle.compress_after IS 'Age from which it is compressed, where the edition can; null for never';
COMMENT ON COLUMN data_lifecycle.drop_after IS 'Age from which it is dropped, a chunk at a time';
