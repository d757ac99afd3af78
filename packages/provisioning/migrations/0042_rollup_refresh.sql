-- Computes the roll-ups of these nodes and buckets, and writes what has changed: of the nodes, of their regions, and marks for
-- the next coarser width.
--
-- @param p_source finer: from rows, or from the next finer width. Or they are erased: nothing, or 'not tenant ' and a tenant,
--   to keep those of other tenants
CREATE FUNCTION rollup_apply(p_width_min integer, p_nodes text[], p_buckets timestamptz[], p_source text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET jit = off
SET enable_seqscan = off
SET enable_mergejoin = off
SET enable_hashjoin = off
AS $rollup$
DECLARE
  v_suffix text := CASE p_width_min WHEN 1 THEN '1m' WHEN 5 THEN '5m' WHEN 60 THEN '1h' WHEN 1440 THEN '1d' END;
  v_finer text := CASE p_width_min WHEN 5 THEN '1m' WHEN 60 THEN '5m' WHEN 1440 THEN '1h' END;
  v_coarser_min integer := CASE p_width_min WHEN 1 THEN 5 WHEN 5 THEN 60 WHEN 60 THEN 1440 END;
  v_changed integer;
  v_lost jsonb;
BEGIN
  EXECUTE replace(replace(replace($sql$
    WITH pair AS MATERIALIZED (
      SELECT node_id, bucket FROM unnest($1::text[], $2::timestamptz[]) AS pair (node_id, bucket)
    ),
    known AS MATERIALIZED (
      SELECT series.node_id, series.tenant, series.country, series.region, series.probe_type, series.target_host, rollup.*
      FROM pair
      JOIN rollup_series AS series ON series.node_id = pair.node_id
      CROSS JOIN LATERAL (
        SELECT * FROM rollup_@suffix@ AS stored
        WHERE stored.series_id = series.series_id AND stored.bucket = pair.bucket AND stored.bucket BETWEEN $3 AND $4
        OFFSET 0
      ) AS rollup
    ),
    fresh AS MATERIALIZED (@fresh@),
    both_of AS MATERIALIZED (
      SELECT bucket, series_id,
             coalesce(fresh.node_id, known.node_id) AS node_id,
             coalesce(fresh.tenant, known.tenant) AS tenant,
             coalesce(fresh.country, known.country) AS country,
             coalesce(fresh.region, known.region) AS region,
             fresh.events IS NOT NULL AS is_there, known.events IS NOT NULL AS was_there,
             (fresh.events, fresh.measured, fresh.anomalies, fresh.sent, fresh.lost, fresh.latency_sum_ns, fresh.uptime_sum_ppm,
              fresh.loss_sum_ppm, fresh.latency_min_ms, fresh.latency_max_ms, fresh.packet_loss_max, fresh.latency_bins)
             IS DISTINCT FROM
             (known.events, known.measured, known.anomalies, known.sent, known.lost, known.latency_sum_ns, known.uptime_sum_ppm,
              known.loss_sum_ppm, known.latency_min_ms, known.latency_max_ms, known.packet_loss_max, known.latency_bins)
               AS is_changed,
             fresh.events, fresh.measured, fresh.anomalies, fresh.sent, fresh.lost, fresh.latency_sum_ns, fresh.uptime_sum_ppm,
             fresh.loss_sum_ppm, fresh.latency_min_ms, fresh.latency_max_ms, fresh.packet_loss_max, fresh.latency_bins,
             coalesce(fresh.events, 0)::bigint - coalesce(known.events, 0) AS more_events,
             coalesce(fresh.measured, 0)::bigint - coalesce(known.measured, 0) AS more_measured,
             coalesce(fresh.anomalies, 0)::bigint - coalesce(known.anomalies, 0) AS more_anomalies,
             coalesce(fresh.sent, 0) - coalesce(known.sent, 0) AS more_sent,
             coalesce(fresh.lost, 0) - coalesce(known.lost, 0) AS more_lost,
             coalesce(fresh.latency_sum_ns, 0) - coalesce(known.latency_sum_ns, 0) AS more_latency_ns,
             coalesce(fresh.uptime_sum_ppm, 0) - coalesce(known.uptime_sum_ppm, 0) AS more_uptime_ppm,
             coalesce(fresh.loss_sum_ppm, 0) - coalesce(known.loss_sum_ppm, 0) AS more_loss_ppm,
             known.latency_bins AS known_bins,
             -- A least or most that is less extreme than it was: that of the region has to be looked for.
             known.events IS NOT NULL AND (
               fresh.events IS NULL
               OR known.latency_min_ms IS NOT NULL AND (fresh.latency_min_ms IS NULL
                 OR fresh.latency_min_ms > known.latency_min_ms OR fresh.latency_max_ms < known.latency_max_ms)
               OR fresh.packet_loss_max < known.packet_loss_max) AS is_less
      FROM fresh FULL JOIN known USING (series_id, bucket)
    ),
    new_series AS (
      INSERT INTO rollup_series (series_id, node_id, tenant, country, region, probe_type, target_host)
      SELECT DISTINCT series_id, node_id, tenant, country, region, probe_type, target_host
      FROM fresh
      WHERE $5
      ON CONFLICT DO NOTHING
    ),
    stored AS (
      INSERT INTO rollup_@suffix@ AS rollup (
        series_id, bucket, events, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm, loss_sum_ppm,
        latency_min_ms, latency_max_ms, packet_loss_max, latency_bins
      )
      SELECT series_id, bucket, events, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm, loss_sum_ppm,
             latency_min_ms, latency_max_ms, packet_loss_max, latency_bins
      FROM both_of WHERE is_changed AND is_there
      ORDER BY bucket, series_id
      ON CONFLICT (series_id, bucket) DO UPDATE SET
        events = excluded.events, measured = excluded.measured, anomalies = excluded.anomalies, sent = excluded.sent,
        lost = excluded.lost, latency_sum_ns = excluded.latency_sum_ns, uptime_sum_ppm = excluded.uptime_sum_ppm,
        loss_sum_ppm = excluded.loss_sum_ppm, latency_min_ms = excluded.latency_min_ms,
        latency_max_ms = excluded.latency_max_ms, packet_loss_max = excluded.packet_loss_max,
        latency_bins = excluded.latency_bins
    ),
    removed AS (
      DELETE FROM rollup_@suffix@ AS rollup USING both_of AS gone
      WHERE rollup.series_id = gone.series_id AND rollup.bucket = gone.bucket AND NOT gone.is_there
        AND rollup.bucket BETWEEN $3 AND $4
    ),
    node_changes AS (
      SELECT country, region, tenant, bucket,
             count(*) FILTER (WHERE is_there) - count(*) FILTER (WHERE was_there) AS more_nodes
      FROM (
        SELECT country, region, tenant, bucket, node_id, bool_or(is_there) AS is_there, bool_or(was_there) AS was_there
        FROM both_of GROUP BY country, region, tenant, bucket, node_id
      ) AS nodes
      GROUP BY country, region, tenant, bucket
    ),
    region_changes AS (
      SELECT country, region, tenant, bucket,
             sum(more_events) AS events, sum(more_measured) AS measured, sum(more_anomalies) AS anomalies,
             sum(more_sent) AS sent, sum(more_lost) AS lost, sum(more_latency_ns) AS latency_sum_ns,
             sum(more_uptime_ppm) AS uptime_sum_ppm, sum(more_loss_ppm) AS loss_sum_ppm,
             min(latency_min_ms) AS latency_min_ms, max(latency_max_ms) AS latency_max_ms,
             max(packet_loss_max) AS packet_loss_max, bool_or(is_less) AS is_less
      FROM both_of WHERE is_changed
      GROUP BY country, region, tenant, bucket
    ),
    old_regions AS MATERIALIZED (
      SELECT old.* FROM region_changes
      JOIN rollup_region_@suffix@ AS old USING (country, region, tenant, bucket)
      WHERE old.bucket BETWEEN $3 AND $4
    ),
    bins AS (
      SELECT country, region, tenant, bucket, array_agg((bin << 48) + count ORDER BY bin) AS latency_bins
      FROM (
        SELECT country, region, tenant, bucket, bin, sum(count)::bigint AS count
        FROM (
          SELECT country, region, tenant, bucket, entry >> 48 AS bin, entry & 281474976710655 AS count
          FROM both_of CROSS JOIN LATERAL unnest(latency_bins) AS entry WHERE is_changed
          UNION ALL
          SELECT country, region, tenant, bucket, entry >> 48, -(entry & 281474976710655)
          FROM both_of CROSS JOIN LATERAL unnest(known_bins) AS entry WHERE is_changed
          UNION ALL
          SELECT country, region, tenant, bucket, entry >> 48, entry & 281474976710655
          FROM old_regions CROSS JOIN LATERAL unnest(latency_bins) AS entry
        ) AS entries
        GROUP BY country, region, tenant, bucket, bin
      ) AS sums
      WHERE count <> 0
      GROUP BY country, region, tenant, bucket
    ),
    stored_regions AS (
      INSERT INTO rollup_region_@suffix@ AS stored (
        country, region, tenant, bucket, nodes, events, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm,
        loss_sum_ppm, latency_min_ms, latency_max_ms, packet_loss_max, latency_bins
      )
      SELECT country, region, tenant, bucket,
             coalesce(old.nodes, 0) + more_nodes, coalesce(old.events, 0) + more.events,
             coalesce(old.measured, 0) + more.measured, coalesce(old.anomalies, 0) + more.anomalies,
             coalesce(old.sent, 0) + more.sent, coalesce(old.lost, 0) + more.lost,
             coalesce(old.latency_sum_ns, 0) + more.latency_sum_ns, coalesce(old.uptime_sum_ppm, 0) + more.uptime_sum_ppm,
             coalesce(old.loss_sum_ppm, 0) + more.loss_sum_ppm, least(old.latency_min_ms, more.latency_min_ms),
             greatest(old.latency_max_ms, more.latency_max_ms),
             greatest(old.packet_loss_max, more.packet_loss_max, 0), bins.latency_bins
      FROM region_changes AS more
      JOIN node_changes USING (country, region, tenant, bucket)
      LEFT JOIN old_regions AS old USING (country, region, tenant, bucket)
      LEFT JOIN bins USING (country, region, tenant, bucket)
      ORDER BY bucket, country, region, tenant
      ON CONFLICT (country, region, tenant, bucket) DO UPDATE SET
        nodes = excluded.nodes, events = excluded.events, measured = excluded.measured, anomalies = excluded.anomalies,
        sent = excluded.sent, lost = excluded.lost, latency_sum_ns = excluded.latency_sum_ns,
        uptime_sum_ppm = excluded.uptime_sum_ppm, loss_sum_ppm = excluded.loss_sum_ppm,
        latency_min_ms = excluded.latency_min_ms, latency_max_ms = excluded.latency_max_ms,
        packet_loss_max = excluded.packet_loss_max, latency_bins = excluded.latency_bins
    ),
    coarser AS (
      INSERT INTO rollup_marks (width_min, due_at, pairs, first_minute, last_minute, nodes, minutes)
      SELECT $6, due_at, count(*), min(minute), max(minute), array_agg(node_id), array_agg(minute)
      FROM (
        SELECT node_id, minute,
               CASE WHEN to_timestamp((minute + $6) * 60::bigint) <= now() THEN now()
                    ELSE to_timestamp((minute + $6) * 60::bigint) END AS due_at
        FROM (
          SELECT DISTINCT node_id::text,
                 (floor(extract(epoch FROM bucket) / 60 / $6) * $6)::integer AS minute
          FROM both_of WHERE is_changed
        ) AS pairs
      ) AS pairs
      -- Whole hours are erased, so that only days are left to be computed.
      WHERE $6 IS NOT NULL AND ($8 = 'finer' OR $7 = 60)
      GROUP BY due_at
    )
    SELECT (SELECT count(*) FROM both_of WHERE is_changed),
           (SELECT jsonb_agg(jsonb_build_array(country, region, tenant, bucket)) FROM region_changes WHERE is_less)
  $sql$,
  '@fresh@', CASE WHEN p_source <> 'finer' THEN $fresh$
      SELECT series_id, node_id, bucket, tenant, country, region, probe_type, target_host, events, measured, anomalies, sent,
             lost, latency_sum_ns, uptime_sum_ppm, loss_sum_ppm, latency_min_ms, latency_max_ms, packet_loss_max, latency_bins
      FROM known WHERE $8 LIKE 'not tenant %' AND tenant <> substr($8, 12)
  $fresh$ WHEN p_width_min = 1 THEN $fresh$
      SELECT rollup_series_id(node_id, tenant, country, region, probe_type, target_host) AS series_id, node_id, bucket,
             tenant, country, region, probe_type, target_host, events, measured, anomalies, sent, lost, latency_sum_ns,
             uptime_sum_ppm, loss_sum_ppm, latency_min_ms, latency_max_ms, packet_loss_max,
             CASE measured
               WHEN 0 THEN NULL
               WHEN 1 THEN ARRAY[(latency_bin(latency_min_ms)::bigint << 48) + 1]
               ELSE (SELECT array_agg(((place - 1) << 48) + count ORDER BY place)
                     FROM unnest(numbers) WITH ORDINALITY AS number (count, place) WHERE count > 0)
             END AS latency_bins
      FROM pair CROSS JOIN LATERAL (
        SELECT tenant, country, region, probe_type, target_host,
               count(*)::integer AS events, count(latency)::integer AS measured,
               count(*) FILTER (WHERE anomaly_score >= 0.5)::integer AS anomalies,
               coalesce(sum(packets), 0)::bigint AS sent,
               coalesce(sum(greatest(packets - answers, 0)), 0)::bigint AS lost,
               coalesce(sum(round(latency * 1e6)::bigint), 0)::bigint AS latency_sum_ns,
               coalesce(sum(round(uptime * 1e4)::bigint), 0)::bigint AS uptime_sum_ppm,
               coalesce(sum(round(loss * 1e4)::bigint), 0)::bigint AS loss_sum_ppm,
               min(latency) AS latency_min_ms, max(latency) AS latency_max_ms, max(loss) AS packet_loss_max,
               histogram(ln(CASE WHEN latency < 0.05 THEN 0.05 ELSE latency END), -2.302585092994046, 9.210340371976184, 288)
                 FILTER (WHERE latency IS NOT NULL) AS numbers
        FROM (
          SELECT metrics.tenant, metrics.country, metrics.region, metrics.probe_type, metrics.target_host, anomaly_score,
                 CASE WHEN latency_ms BETWEEN 0 AND 10000 THEN latency_ms END AS latency,
                 least(greatest(uptime_pct, 0), 100) AS uptime,
                 CASE WHEN latency_ms IS NULL THEN 100 ELSE least(greatest(packet_loss, 0), 100) END AS loss,
                 CASE WHEN sent >= 0 AND received >= 0 THEN least(sent, 1000000) END AS packets,
                 least(received, 1000000) AS answers
          FROM metrics
          WHERE metrics.node_id = pair.node_id AND time >= pair.bucket AND time < pair.bucket + interval '1 minute'
            AND time >= $3 AND time < $4::timestamptz + interval '1 minute'
        ) AS event
        GROUP BY tenant, country, region, probe_type, target_host
      ) AS found
  $fresh$ ELSE $fresh$
      SELECT series_id, pair.node_id, pair.bucket, tenant, country, region, probe_type, target_host, found.*
      FROM pair
      JOIN rollup_series AS series USING (node_id)
      CROSS JOIN LATERAL (
        SELECT sum(events)::integer AS events, sum(measured)::integer AS measured, sum(anomalies)::integer AS anomalies,
               sum(sent)::bigint AS sent, sum(lost)::bigint AS lost, sum(latency_sum_ns)::bigint AS latency_sum_ns,
               sum(uptime_sum_ppm)::bigint AS uptime_sum_ppm, sum(loss_sum_ppm)::bigint AS loss_sum_ppm,
               min(latency_min_ms) AS latency_min_ms, max(latency_max_ms) AS latency_max_ms,
               max(packet_loss_max) AS packet_loss_max, latency_merge(latency_bins) AS latency_bins
        FROM rollup_@finer@ AS rollup
        WHERE rollup.series_id = series.series_id
          AND rollup.bucket >= pair.bucket AND rollup.bucket < pair.bucket + $7 * interval '1 minute'
          AND rollup.bucket >= $3 AND rollup.bucket < $4::timestamptz + $7 * interval '1 minute'
      ) AS found
      WHERE found.events IS NOT NULL
  $fresh$ END), '@suffix@', v_suffix), '@finer@', coalesce(v_finer, ''))
  INTO v_changed, v_lost
  USING p_nodes, p_buckets, (SELECT min(bucket) FROM unnest(p_buckets) AS bucket),
        (SELECT max(bucket) FROM unnest(p_buckets) AS bucket), p_source = 'finer' AND p_width_min = 1, v_coarser_min, p_width_min,
        p_source;

  -- Regions of which nothing is left, and those whose least or most may be another one now.
  IF v_lost IS NOT NULL THEN
    EXECUTE replace($sql$
      DELETE FROM rollup_region_@suffix@ AS stored
      USING jsonb_array_elements($1) AS lost (place)
      WHERE stored.country = place ->> 0 AND stored.region = place ->> 1 AND stored.tenant = place ->> 2
        AND stored.bucket = (place ->> 3)::timestamptz AND stored.events = 0
    $sql$, '@suffix@', v_suffix) USING v_lost;
    EXECUTE replace($sql$
      UPDATE rollup_region_@suffix@ AS stored
      SET latency_min_ms = extremes.latency_min_ms, latency_max_ms = extremes.latency_max_ms,
          packet_loss_max = extremes.packet_loss_max
      FROM jsonb_array_elements($1) AS lost (place)
      CROSS JOIN LATERAL (
        SELECT min(latency_min_ms) AS latency_min_ms, max(latency_max_ms) AS latency_max_ms, max(packet_loss_max) AS packet_loss_max
        FROM rollup_series AS series
        CROSS JOIN LATERAL (
          SELECT * FROM rollup_@suffix@ AS stored
          WHERE stored.series_id = series.series_id AND stored.bucket = (place ->> 3)::timestamptz
          OFFSET 0
        ) AS rollup
        WHERE series.country = place ->> 0 AND series.region = place ->> 1 AND series.tenant = place ->> 2
      ) AS extremes
      WHERE stored.country = place ->> 0 AND stored.region = place ->> 1 AND stored.tenant = place ->> 2
        AND stored.bucket = (place ->> 3)::timestamptz
    $sql$, '@suffix@', v_suffix) USING v_lost;
  END IF;
  RETURN v_changed;
END
$rollup$;
COMMENT ON FUNCTION rollup_apply(integer, text[], timestamptz[], text) IS 'A step of rollup_refresh and rollup_erase; returns how many roll-ups it changed';
REVOKE ALL ON FUNCTION rollup_apply(integer, text[], timestamptz[], text) FROM PUBLIC;

-- Takes marks of one width and computes their roll-ups again: minutes from rows, coarser ones from the next finer. What has
-- changed of a node is added to its region, and marks the next coarser bucket. All in one transaction: a mark is gone when
-- its roll-up is right. A row that is committed meanwhile has left a mark of its own.
--
-- One call at a time, by a lock. A call takes at most so many pairs of node and bucket; the rest stays marked.
CREATE FUNCTION rollup_refresh(
  p_width_min integer, p_due timestamptz, p_max_pairs integer,
  OUT pairs integer, OUT left_pairs integer, OUT changed integer, OUT due_since timestamptz
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $rollup$
DECLARE
  v_sealed timestamptz;
  v_nodes text[];
  v_buckets timestamptz[];
  v_late_nodes text[];
  v_late_buckets timestamptz[];
BEGIN
  IF NOT pg_try_advisory_xact_lock(4130772518) THEN RETURN; END IF;
  SELECT sealed_before INTO v_sealed FROM rollup_state;

  WITH due AS (
    SELECT id, sum(rollup_marks.pairs) OVER (ORDER BY due_at, id) - rollup_marks.pairs AS before
    FROM (SELECT * FROM rollup_marks WHERE width_min = p_width_min AND due_at <= p_due ORDER BY due_at, id LIMIT 50000) AS rollup_marks
  ), taken AS (
    DELETE FROM rollup_marks USING due
    WHERE rollup_marks.id = due.id AND before < 3000000
    RETURNING rollup_marks.due_at, rollup_marks.nodes, rollup_marks.minutes
  ), numbered AS (
    SELECT node, minute, row_number() OVER (ORDER BY minute, node) - 1 AS number
    FROM (
      SELECT DISTINCT node, minute FROM taken CROSS JOIN LATERAL unnest(nodes, minutes) AS pair (node, minute)
    ) AS pairs
  ), put_back AS (
    INSERT INTO rollup_marks (width_min, due_at, pairs, first_minute, last_minute, nodes, minutes)
    SELECT p_width_min, (SELECT min(due_at) FROM taken), count(*), min(minute), max(minute), array_agg(node), array_agg(minute)
    FROM numbered WHERE number >= p_max_pairs
    GROUP BY number / p_max_pairs
  ), bucketed AS (
    SELECT node, to_timestamp(minute * 60::bigint) AS bucket, number FROM numbered WHERE number < p_max_pairs
  )
  SELECT array_agg(node ORDER BY number) FILTER (WHERE NOT is_late),
         array_agg(bucket ORDER BY number) FILTER (WHERE NOT is_late),
         array_agg(node ORDER BY number) FILTER (WHERE is_late),
         array_agg(bucket ORDER BY number) FILTER (WHERE is_late),
         count(*),
         (SELECT count(*) FROM numbered) - count(*),
         (SELECT min(due_at) FROM taken)
  INTO v_nodes, v_buckets, v_late_nodes, v_late_buckets, pairs, left_pairs, due_since
  FROM bucketed CROSS JOIN LATERAL (SELECT p_width_min = 1 AND bucket < v_sealed AS is_late) AS lateness;

  changed := 0;
  IF v_late_nodes IS NOT NULL THEN
    changed := rollup_add_late(v_late_nodes, v_late_buckets);
  END IF;
  IF v_nodes IS NOT NULL THEN
    changed := changed + rollup_apply(p_width_min, v_nodes, v_buckets, 'finer');
  END IF;
END
$rollup$;
COMMENT ON FUNCTION rollup_refresh(integer, timestamptz, integer) IS 'Computes marked roll-ups of one width again; returns null for pairs while another call does';
REVOKE ALL ON FUNCTION rollup_refresh(integer, timestamptz, integer) FROM PUBLIC;
