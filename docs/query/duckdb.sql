-- Questions that people ask of an export, with DuckDB:
--   npm run fiber -- export --from 2026-11-24T00:00Z --to 2026-11-25T00:00Z --output day.parquet
--   duckdb < docs/query/duckdb.sql
-- day.parquet may be a pattern over many files, such as 'exports/*.parquet'. Times are UTC: SET TimeZone = 'UTC'.

-- What is in the file, and from when to when?
SELECT count(*) AS events, count(DISTINCT node_id) AS nodes, min(timestamp) AS first, max(timestamp) AS last
FROM 'day.parquet';

-- Each event once: a repeat that came more than 10 minutes after its event is in the topic twice.
SELECT *
FROM 'day.parquet'
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY received_at) = 1;

-- How slow are the slowest 5 % in each country?
SELECT country, count(*) AS events, quantile_cont(latency_ms, 0.95) AS latency_p95_ms
FROM 'day.parquet'
GROUP BY country
ORDER BY latency_p95_ms DESC;

-- Latency by the hour and node, ready for a chart.
SELECT time_bucket(INTERVAL '1 hour', timestamp) AS hour, node_id, median(latency_ms) AS latency_p50_ms
FROM 'day.parquet'
GROUP BY ALL
ORDER BY hour, node_id;

-- What did probes tell in their metadata? It is JSON as text.
SELECT metadata ->> '$.version' AS version, count(*) AS events
FROM 'day.parquet'
WHERE metadata IS NOT NULL
GROUP BY version;

-- The events of nodes with a tag, by where they stand.
SELECT node_id, node_city, node_lat, node_lng, count(*) AS events
FROM 'day.parquet'
WHERE node_tags ->> '$.site' = 'airport'
GROUP BY ALL;

-- Which events came late, and how late?
SELECT node_id, timestamp, received_at - timestamp AS delay
FROM 'day.parquet'
WHERE quality = 'late' OR received_at - timestamp > INTERVAL '1 minute'
ORDER BY delay DESC
LIMIT 100;

-- The longest silence of each node.
SELECT node_id, max(gap) AS longest
FROM (
  SELECT node_id, timestamp - lag(timestamp) OVER (PARTITION BY node_id ORDER BY timestamp) AS gap
  FROM 'day.parquet'
)
GROUP BY node_id
ORDER BY longest DESC NULLS LAST;
