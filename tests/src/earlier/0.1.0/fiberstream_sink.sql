-- What the sink of 0.1.0 asks of the database. A newer database has to answer it: never change this file.

SELECT next_offset FROM sink_offsets WHERE topic = $1 AND partition = $2;

SELECT partition, next_offset FROM sink_offsets WHERE topic = $1;

INSERT INTO sink_offsets AS stored (topic, partition, next_offset)
  SELECT $1, partition, next_offset
  FROM unnest($2::integer[], $3::bigint[], $4::bigint[])
    AS batch (partition, first_offset, next_offset)
  ORDER BY partition
  ON CONFLICT (topic, partition) DO UPDATE
    SET next_offset = excluded.next_offset, updated_at = now()
    WHERE stored.next_offset = ($3::bigint[])[array_position($2::integer[], stored.partition)]
  RETURNING partition;

SELECT attname AS name, typname AS type, attnotnull AND NOT atthasdef AS required
  FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
  WHERE attrelid = 'metrics'::regclass AND attnum > 0 AND NOT attisdropped
  ORDER BY attnum;

INSERT INTO nodes AS stored (node_id, status, last_seen_at, country, region)
  SELECT node_id, 'reporting', seen_at, country, region FROM (SELECT node_id, 'epoch'::timestamptz + micros * interval '1 microsecond' AS seen_at, country, region
  FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[])
    AS latest (node_id, micros, country, region)) AS latest
  ORDER BY node_id
  ON CONFLICT (node_id) DO UPDATE
    SET status = CASE WHEN (stored.status = 'registered'
  OR stored.status = 'inactive' AND stored.silent_since IS NOT NULL) THEN 'reporting' ELSE stored.status END,
        silent_since = NULL,
        last_seen_at = greatest(stored.last_seen_at, excluded.last_seen_at)
    WHERE (stored.status = 'registered'
  OR stored.status = 'inactive' AND stored.silent_since IS NOT NULL)
       OR stored.last_seen_at IS NULL
       OR stored.last_seen_at < excluded.last_seen_at - interval '10 s';

WITH due AS (
    SELECT stored.node_id, latest.seen_at
    FROM (SELECT node_id, 'epoch'::timestamptz + micros * interval '1 microsecond' AS seen_at, country, region
  FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[])
    AS latest (node_id, micros, country, region)) AS latest
    JOIN nodes AS stored USING (node_id)
    WHERE (stored.status = 'registered'
  OR stored.status = 'inactive' AND stored.silent_since IS NOT NULL)
       OR stored.last_seen_at IS NULL
       OR stored.last_seen_at < latest.seen_at - interval '9 s'
    ORDER BY stored.node_id
    FOR UPDATE OF stored SKIP LOCKED
  )
  UPDATE nodes AS stored
  SET status = CASE WHEN (stored.status = 'registered'
  OR stored.status = 'inactive' AND stored.silent_since IS NOT NULL) THEN 'reporting' ELSE stored.status END,
      silent_since = NULL,
      last_seen_at = greatest(stored.last_seen_at, due.seen_at)
  FROM due
  WHERE stored.node_id = due.node_id;

SELECT pg_terminate_backend(pid)
  FROM pg_stat_activity
  WHERE application_name = current_setting('application_name')
    AND datname = current_database() AND usename = current_user
    AND xact_start IS NOT NULL AND wait_event = 'ClientRead'
    AND greatest(query_start, state_change) < now() - interval '10 s';

UPDATE nodes SET status = 'inactive', silent_since = last_seen_at
  WHERE node_id IN (
    SELECT node_id FROM nodes
    WHERE status = 'reporting' AND last_seen_at < now() - $1 * interval '1 ms'
    ORDER BY node_id
    FOR UPDATE SKIP LOCKED
  )
  RETURNING node_id;

SELECT pg_try_advisory_xact_lock(4130772502) AS "isOurs",
         current_setting('timescaledb.license') = 'apache' AS "isApache";

CREATE TEMP TABLE IF NOT EXISTS metrics_staging (
    LIKE metrics, place integer GENERATED ALWAYS AS IDENTITY
  ) ON COMMIT DELETE ROWS;

DELETE FROM metrics_staging;

SELECT min(place) AS place FROM metrics_staging;

WITH inserted AS (
    INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id, tenant, country, region, source_region, target_host, probe_type, enrichment_status, metadata, latency_mean_ms, latency_stddev_ms, latency_z, anomaly_score, packet_loss_spike, anomaly_reason, quality, extra)
    SELECT time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id, tenant, country, region, source_region, target_host, probe_type, enrichment_status, metadata, latency_mean_ms, latency_stddev_ms, latency_z, anomaly_score, packet_loss_spike, anomaly_reason, quality, extra FROM metrics_staging ORDER BY place
    ON CONFLICT DO NOTHING
    RETURNING node_id, time, event_id
  )
  DELETE FROM metrics_staging WHERE place IN (
    SELECT min(place)
    FROM metrics_staging JOIN inserted USING (node_id, time, event_id)
    GROUP BY node_id, time, event_id
  );

INSERT INTO metric_conflicts
    (time, node_id, event_id, stored, received, topic, partition, record_offset)
  SELECT staged.time, staged.node_id, staged.event_id,
         to_jsonb(first), to_jsonb(staged) - 'place', $1,
         ($2::integer[])[staged.place - $4::integer + 1],
         ($3::bigint[])[staged.place - $4::integer + 1]
  FROM metrics_staging AS staged
  CROSS JOIN LATERAL (
    SELECT * FROM metrics
    WHERE metrics.node_id = staged.node_id
      AND metrics.time = staged.time
      AND metrics.event_id = staged.event_id
    LIMIT 1
  ) AS first
  WHERE (staged.latency_ms, staged.uptime_pct, staged.packet_loss,
         staged.country, staged.region, staged.metadata)
        IS DISTINCT FROM
        (first.latency_ms, first.uptime_pct, first.packet_loss,
         first.country, first.region, first.metadata)
  ON CONFLICT DO NOTHING;

INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id, tenant, country, region, source_region, target_host, probe_type, enrichment_status, metadata, latency_mean_ms, latency_stddev_ms, latency_z, anomaly_score, packet_loss_spike, anomaly_reason, quality, extra)
VALUES (now(), now(), 1.5, 100, 0, gen_random_uuid(), 'probe-1', 'default', 'GH', 'Greater Accra', NULL, NULL, 'ping', 'complete', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'good', NULL);
