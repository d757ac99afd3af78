-- The columns that metrics has got since, at the end, so that what is built upon the views stays.
CREATE OR REPLACE VIEW metrics_latest AS
SELECT latest.*
FROM nodes
CROSS JOIN LATERAL (
  SELECT metrics.*
  FROM metrics
  WHERE metrics.node_id = nodes.node_id
  ORDER BY metrics.time DESC
  LIMIT 1
) AS latest;

CREATE OR REPLACE VIEW metrics_enriched AS
SELECT
  metrics.time,
  metrics.received_at,
  metrics.latency_ms,
  metrics.uptime_pct,
  metrics.packet_loss,
  metrics.event_id,
  metrics.node_id,
  metrics.tenant,
  metrics.country,
  metrics.region,
  metrics.source_region,
  metrics.target_host,
  metrics.probe_type,
  metrics.enrichment_status,
  metrics.metadata,
  nodes.node_name,
  nodes.display_name AS node_display_name,
  nodes.status AS node_status,
  nodes.country AS node_country,
  nodes.region AS node_region,
  nodes.city AS node_city,
  nodes.lat AS node_lat,
  nodes.lng AS node_lng,
  nodes.tags AS node_tags,
  metrics.quality,
  extract(epoch FROM metrics.received_at - metrics.time) * 1000 AS ingest_delay_ms,
  metrics.latency_mean_ms,
  metrics.latency_stddev_ms,
  metrics.latency_z,
  metrics.packet_loss_spike,
  metrics.anomaly_score,
  metrics.anomaly_reason,
  metrics.extra,
  metrics.sent,
  metrics.received,
  metrics.rtt_min_ms,
  metrics.rtt_max_ms,
  metrics.rtt_stddev_ms,
  metrics.jitter_ms,
  metrics.rtts_ms,
  metrics.error
FROM metrics
LEFT JOIN nodes USING (node_id);
