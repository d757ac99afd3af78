-- By one probe of the identity index for each node, not by a scan of metrics.
CREATE VIEW metrics_latest AS
SELECT latest.*
FROM nodes
CROSS JOIN LATERAL (
  SELECT metrics.*
  FROM metrics
  WHERE metrics.node_id = nodes.node_id
  ORDER BY metrics.time DESC
  LIMIT 1
) AS latest;
COMMENT ON VIEW metrics_latest IS 'The latest metric of each node, by the probe''s clock';

CREATE VIEW metrics_enriched AS
SELECT
  metrics.*,
  nodes.node_name,
  nodes.display_name AS node_display_name,
  nodes.status AS node_status,
  nodes.country AS node_country,
  nodes.region AS node_region,
  nodes.city AS node_city,
  nodes.lat AS node_lat,
  nodes.lng AS node_lng,
  nodes.tags AS node_tags
FROM metrics
JOIN nodes USING (node_id);
COMMENT ON VIEW metrics_enriched IS 'Metrics with their node''s data as it is now';
