-- Example queries of the database. Run them with the role fiberstream_reader, for instance:
--   psql "$DATABASE_URL" -f docs/query/timescaledb.sql
-- With a time range TimescaleDB reads only the chunks of that range: use one wherever you can.

-- What is the current state of each node?
SELECT node_id, time, latency_ms, packet_loss, quality
FROM metrics_latest
ORDER BY time DESC
LIMIT 20;

-- Which nodes have stopped sending, and since when?
SELECT node_id, node_name, country, city, silent_since
FROM nodes
WHERE status = 'inactive'
ORDER BY silent_since DESC NULLS LAST;

-- The last hour of one node, every event.
SELECT time, latency_ms, latency_mean_ms, packet_loss, anomaly_score
FROM metrics
WHERE node_id = 'probe-accra-01' AND time >= now() - interval '1 hour'
ORDER BY time;

-- The outages of the last day, one line for each node and error. An event without a latency is one of which nothing came back.
SELECT node_id, error, count(*) AS events, min(time) AS first, max(time) AS last
FROM metrics
WHERE time >= now() - interval '1 day' AND latency_ms IS NULL
GROUP BY node_id, error
ORDER BY events DESC;

-- The last week of one node, by hour.
SELECT bucket, events, latency_p50_ms, latency_p95_ms, packet_loss_avg
FROM metrics_1h
WHERE node_id = 'probe-accra-01' AND bucket >= now() - interval '7 days'
ORDER BY bucket;

-- The regions compared today: what is the 95th percentile of the latency?
SELECT country, region, events, nodes, latency_p95_ms
FROM metrics_region_1d
WHERE bucket >= now() - interval '1 day'
ORDER BY latency_p95_ms DESC NULLS LAST;

-- What are the 95th percentile and the availability of each tenant over a whole week?
SELECT tenant, latency_quantile(latency_merge(latency_bins), 0.95) AS latency_p95_ms,
       100.0 * sum(measured) / sum(events) AS availability_pct
FROM metrics_region_1h
WHERE bucket >= now() - interval '7 days'
GROUP BY tenant;

-- Anomalies of the last day, with the location of the node.
SELECT time, node_name, node_city, latency_ms, latency_z, anomaly_reason, anomaly_score
FROM metrics_enriched
WHERE time >= now() - interval '1 day' AND anomaly_score >= 0.5
ORDER BY anomaly_score DESC
LIMIT 100;

-- How long do events take from a gateway to the table? (by the minute in which the gateway received them)
SELECT time_bucket('1 minute', received_at) AS minute, count(*) AS events,
       avg(received_at - time) AS probe_to_gateway
FROM metrics
WHERE time >= now() - interval '1 hour'
GROUP BY minute
ORDER BY minute;

-- Which probes send different content with the same identity, and what differs?
SELECT node_id, time, topic, partition, record_offset,
       stored -> 'latency_ms' AS stored_latency_ms, received -> 'latency_ms' AS received_latency_ms
FROM metric_conflicts
WHERE detected_at >= now() - interval '7 days'
ORDER BY detected_at DESC
LIMIT 100;

-- Which fields of newer records have no column yet?
SELECT jsonb_object_keys(extra) AS field, count(*) AS events
FROM metrics
WHERE time >= now() - interval '1 day' AND extra IS NOT NULL
GROUP BY field;

-- How far is the sink? (its next offset of each partition)
SELECT topic, partition, next_offset, updated_at
FROM sink_offsets
ORDER BY topic, partition;

-- Which nodes had the lowest completeness on each of the last days?
SELECT day, node_id, events, expected, round(100.0 * events / expected, 1) AS complete_pct, gaps, longest_gap_s
FROM metric_quality_daily
WHERE day >= current_date - 7 AND events < expected
ORDER BY day DESC, complete_pct
LIMIT 100;

-- Which probes' clocks are wrong? Below 0, the clock is ahead.
SELECT day, node_id, delay_min_ms, ahead, late
FROM metric_quality_daily
WHERE day >= current_date - 7 AND (delay_min_ms < -1000 OR delay_min_ms > 60000)
ORDER BY abs(delay_min_ms) DESC
LIMIT 100;
