-- Example queries of an export, with DuckDB:
--   npm run fiber -- export --from 2026-11-24T00:00Z --to 2026-11-25T00:00Z --output day.parquet
--   duckdb < docs/query/duckdb.sql
-- Instead of day.parquet you can use a pattern of many files, such as 'exports/*.parquet'. Times are in UTC: SET TimeZone = 'UTC'.

-- How many events are in the file, and of which time range?
SELECT count(*) AS events, count(DISTINCT node_id) AS nodes, min(timestamp) AS first, max(timestamp) AS last
FROM 'day.parquet';

-- Each event once: a duplicate that arrived more than 10 minutes after its event is in the topic twice.
SELECT *
FROM 'day.parquet'
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY received_at) = 1;

-- What is the 95th percentile of the latency in each country?
SELECT country, count(*) AS events, quantile_cont(latency_ms, 0.95) AS latency_p95_ms
FROM 'day.parquet'
GROUP BY country
ORDER BY latency_p95_ms DESC NULLS LAST;

-- How available was each node, and why did measurements fail? An event without a latency is one of which nothing came back.
SELECT node_id, count(*) AS events, round(100.0 * count(latency_ms) / count(*), 2) AS available_pct,
       mode(error) AS usual_error
FROM 'day.parquet'
GROUP BY node_id
ORDER BY available_pct;

-- Latency by hour and node, for a chart.
SELECT time_bucket(INTERVAL '1 hour', timestamp) AS hour, node_id, median(latency_ms) AS latency_p50_ms
FROM 'day.parquet'
GROUP BY ALL
ORDER BY hour, node_id;

-- Which metadata did probes send? It is JSON as text.
SELECT metadata ->> '$.version' AS version, count(*) AS events
FROM 'day.parquet'
WHERE metadata IS NOT NULL
GROUP BY version;

-- The events of nodes with a tag, by location of the node.
SELECT node_id, node_city, node_lat, node_lng, count(*) AS events
FROM 'day.parquet'
WHERE node_tags ->> '$.site' = 'airport'
GROUP BY ALL;

-- Which events arrived late, and how late?
SELECT node_id, timestamp, received_at - timestamp AS delay
FROM 'day.parquet'
WHERE quality = 'late' OR received_at - timestamp > INTERVAL '1 minute'
ORDER BY delay DESC
LIMIT 100;

-- The longest gap of each node.
SELECT node_id, max(gap) AS longest
FROM (
  SELECT node_id, timestamp - lag(timestamp) OVER (PARTITION BY node_id ORDER BY timestamp) AS gap
  FROM 'day.parquet'
)
GROUP BY node_id
ORDER BY longest DESC NULLS LAST;
