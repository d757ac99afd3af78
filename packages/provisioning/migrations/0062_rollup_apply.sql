-- A node may have any number of series: 100,000 targets, for example, that a sender made up. Each look at them, one by one, for each of
-- its minutes took seconds, and a transaction that exceeds the time of a statement was repeated for ever. Now the roll-ups of such a
-- node are found by bucket. Before, also, erasing a node whose minutes are kept took the least and the most latency of its region from
-- the nodes whose minutes are kept, and others' were lost; minutes of a region that were erased could come again with less than nothing;
-- and a late row of such a node was counted twice in its region, if that was computed from rows in the meantime.

-- Computes the roll-ups of these nodes and buckets, and writes what has changed: of the nodes, of their regions, and marks for
-- the next coarser width.
--
-- @param p_source finer: from rows, or from the next finer width; rows; kept: from rows, only series whose minutes are kept, and
--   without their regions; sealed rows, sealed kept: without marks. Or they are erased: nothing, or 'not tenant ' and a tenant, to
--   keep those of other tenants
CREATE OR REPLACE FUNCTION rollup_apply(p_width_min integer, p_nodes text[], p_buckets timestamptz[], p_source text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET jit = off
SET enable_seqscan = off
SET enable_mergejoin = off
SET enable_hashjoin = off
-- Chunks are excluded by the range of all buckets, once, and not for each pair again.
SET timescaledb.enable_chunk_append = off
AS $rollup$
DECLARE
  v_suffix text := CASE p_width_min WHEN 1 THEN '1m' WHEN 5 THEN '5m' WHEN 60 THEN '1h' WHEN 1440 THEN '1d' END;
  v_finer text := CASE p_width_min WHEN 5 THEN '1m' WHEN 60 THEN '5m' WHEN 1440 THEN '1h' END;
  v_coarser_min integer := CASE p_width_min WHEN 1 THEN 5 WHEN 5 THEN 60 WHEN 60 THEN 1440 END;
  v_from timestamptz := (SELECT min(bucket) FROM unnest(p_buckets) AS bucket);
  v_to timestamptz := (SELECT max(bucket) FROM unnest(p_buckets) AS bucket);
  v_is_of_rows boolean := p_source IN ('rows', 'kept', 'sealed rows', 'sealed kept') OR p_source = 'finer' AND p_width_min = 1;
  v_changed integer;
  v_lost jsonb;
  v_gone_series bigint[];
  v_gone_buckets timestamptz[];
BEGIN
  -- What is joined with a roll-up's table or with rows is a LATERAL with OFFSET 0, so that an index finds it.
  PERFORM set_config('enable_hashjoin', 'on', true);
  EXECUTE replace(replace(replace($sql$
    WITH node AS MATERIALIZED (
      SELECT node_id, series.count > 1000 AS has_many
      FROM (SELECT DISTINCT unnest($1::text[]) AS node_id) AS nodes
      CROSS JOIN LATERAL (
        SELECT count(*) FROM (SELECT FROM rollup_series WHERE rollup_series.node_id = nodes.node_id LIMIT 1001) AS limited
      ) AS series
    ),
    pair AS MATERIALIZED (
      SELECT node_id, bucket, has_many
      FROM unnest($1::text[], $2::timestamptz[]) AS pair (node_id, bucket) JOIN node USING (node_id)
    ),
    known AS MATERIALIZED (
      SELECT series.node_id, series.tenant, series.country, series.region, series.probe_type, series.target_host, rollup.*
      FROM (SELECT * FROM pair WHERE NOT has_many) AS pair
      CROSS JOIN LATERAL (SELECT * FROM rollup_series WHERE rollup_series.node_id = pair.node_id OFFSET 0) AS series
      CROSS JOIN LATERAL (
        SELECT * FROM rollup_@suffix@ AS stored
        WHERE stored.series_id = series.series_id AND stored.bucket = pair.bucket AND stored.bucket BETWEEN $3 AND $4
        OFFSET 0
      ) AS rollup
      UNION ALL
      SELECT series.node_id, series.tenant, series.country, series.region, series.probe_type, series.target_host, rollup.*
      FROM (SELECT DISTINCT bucket FROM pair WHERE has_many) AS many
      CROSS JOIN LATERAL (
        SELECT * FROM rollup_@suffix@ AS stored WHERE stored.bucket = many.bucket AND stored.bucket BETWEEN $3 AND $4 OFFSET 0
      ) AS rollup
      CROSS JOIN LATERAL (SELECT * FROM rollup_series WHERE rollup_series.series_id = rollup.series_id OFFSET 0) AS series
      JOIN pair ON pair.node_id = series.node_id AND pair.bucket = rollup.bucket AND pair.has_many
    ),
    @fresh@,
    joined AS MATERIALIZED (
      SELECT bucket, series_id,
             coalesce(fresh.node_id, known.node_id) AS node_id,
             coalesce(fresh.tenant, known.tenant) AS tenant,
             coalesce(fresh.country, known.country) AS country,
             coalesce(fresh.region, known.region) AS region,
             fresh.events IS NOT NULL AS is_there, known.events IS NOT NULL AS was_there,
             (fresh.events, fresh.measured, fresh.anomalies, fresh.sent, fresh.lost, fresh.latency_sum_ns, fresh.uptime_sum_ppm,
              fresh.loss_sum_ppm, fresh.latency_min_ms, fresh.latency_max_ms, fresh.packet_loss_max, fresh.latency_bins)
             IS DISTINCT FROM
             (known.events, known.measured, nullif(known.anomalies, 0), nullif(known.sent, 0), nullif(known.lost, 0),
              known.latency_sum_ns, known.uptime_sum_ppm, nullif(known.loss_sum_ppm, 0), known.latency_min_ms,
              known.latency_max_ms, nullif(known.packet_loss_max, 0), known.latency_bins) AS is_changed,
             fresh.events, fresh.measured, fresh.anomalies, fresh.sent, fresh.lost, fresh.latency_sum_ns, fresh.uptime_sum_ppm,
             fresh.loss_sum_ppm, fresh.latency_min_ms, fresh.latency_max_ms, fresh.packet_loss_max, fresh.latency_bins,
             coalesce(fresh.events, 0) - coalesce(known.events, 0) AS more_events,
             coalesce(fresh.measured, 0) - coalesce(known.measured, 0) AS more_measured,
             coalesce(fresh.anomalies, 0) - coalesce(known.anomalies, 0) AS more_anomalies,
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
               OR coalesce(fresh.packet_loss_max, 0) < coalesce(known.packet_loss_max, 0)) AS is_less
      FROM fresh FULL JOIN known USING (series_id, bucket)
    ),
    -- Regions and buckets by number: sums are grouped by these, which costs less than by their names.
    both_of AS MATERIALIZED (
      SELECT *, dense_rank() OVER (ORDER BY bucket, country, region, tenant) AS place FROM joined
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
    node_changes AS (
      SELECT place, count(*) FILTER (WHERE is_there) - count(*) FILTER (WHERE was_there) AS more_nodes
      FROM (
        SELECT place, node_id, bool_or(is_there) AS is_there, bool_or(was_there) AS was_there
        FROM both_of GROUP BY place, node_id
      ) AS nodes
      GROUP BY place
    ),
    region_changes AS MATERIALIZED (
      SELECT place, min(country) AS country, min(region) AS region, min(tenant) AS tenant, min(bucket) AS bucket,
             sum(more_events)::bigint AS events, sum(more_measured)::bigint AS measured, sum(more_anomalies)::bigint AS anomalies,
             sum(more_sent)::bigint AS sent, sum(more_lost)::bigint AS lost, sum(more_latency_ns)::bigint AS latency_sum_ns,
             sum(more_uptime_ppm)::bigint AS uptime_sum_ppm, sum(more_loss_ppm)::bigint AS loss_sum_ppm,
             min(latency_min_ms) AS latency_min_ms, max(latency_max_ms) AS latency_max_ms,
             max(packet_loss_max) AS packet_loss_max, bool_or(is_less) AS is_less, bool_or(was_there) AS was_there
      FROM both_of WHERE is_changed AND $8 <> 'kept'
      GROUP BY place
    ),
    old_regions AS MATERIALIZED (
      SELECT place, old.*
      FROM region_changes AS more
      CROSS JOIN LATERAL (
        SELECT * FROM rollup_region_@suffix@ AS stored
        WHERE stored.country = more.country AND stored.region = more.region AND stored.tenant = more.tenant
          AND stored.bucket = more.bucket AND stored.bucket BETWEEN $3 AND $4
        OFFSET 0
      ) AS old
    ),
    bins AS (
      SELECT key >> 9 AS place, array_agg(((key & 511) << 48) + count ORDER BY key) AS latency_bins
      FROM (
        SELECT key, sum(count)::bigint AS count
        FROM (
          SELECT (place << 9) + (entry >> 48) AS key, entry & 281474976710655 AS count
          FROM both_of CROSS JOIN LATERAL unnest(latency_bins) AS entry WHERE is_changed
          UNION ALL
          SELECT (place << 9) + (entry >> 48), -(entry & 281474976710655)
          FROM both_of CROSS JOIN LATERAL unnest(known_bins) AS entry WHERE is_changed AND was_there
          UNION ALL
          SELECT (place << 9) + (entry >> 48), entry & 281474976710655
          FROM old_regions CROSS JOIN LATERAL unnest(latency_bins) AS entry
        ) AS entries
        GROUP BY key
      ) AS sums
      WHERE count <> 0
      GROUP BY key >> 9
    ),
    stored_regions AS (
      INSERT INTO rollup_region_@suffix@ AS stored (
        country, region, tenant, bucket, nodes, events, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm,
        loss_sum_ppm, latency_min_ms, latency_max_ms, packet_loss_max, latency_bins
      )
      SELECT more.country, more.region, more.tenant, more.bucket,
             coalesce(old.nodes, 0) + more_nodes, coalesce(old.events, 0) + more.events,
             coalesce(old.measured, 0) + more.measured, nullif(coalesce(old.anomalies, 0) + more.anomalies, 0),
             nullif(coalesce(old.sent, 0) + more.sent, 0), nullif(coalesce(old.lost, 0) + more.lost, 0),
             coalesce(old.latency_sum_ns, 0) + more.latency_sum_ns, coalesce(old.uptime_sum_ppm, 0) + more.uptime_sum_ppm,
             nullif(coalesce(old.loss_sum_ppm, 0) + more.loss_sum_ppm, 0), least(old.latency_min_ms, more.latency_min_ms),
             greatest(old.latency_max_ms, more.latency_max_ms),
             nullif(greatest(old.packet_loss_max, more.packet_loss_max), 0), bins.latency_bins
      FROM region_changes AS more
      JOIN node_changes USING (place)
      LEFT JOIN old_regions AS old USING (place)
      LEFT JOIN bins USING (place)
      -- Where the region's were erased as a whole, nothing can be subtracted.
      WHERE old.bucket IS NOT NULL OR NOT more.was_there
      ORDER BY more.bucket, more.country, more.region, more.tenant
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
      WHERE $6 IS NOT NULL AND ($8 IN ('finer', 'rows', 'kept') OR $7 = 60)
      GROUP BY due_at
    )
    SELECT (SELECT count(*) FROM both_of WHERE is_changed),
           (SELECT jsonb_agg(jsonb_build_array(country, region, tenant, bucket)) FROM region_changes WHERE is_less),
           (SELECT array_agg(series_id) FROM both_of WHERE NOT is_there),
           (SELECT array_agg(bucket) FROM both_of WHERE NOT is_there)
  $sql$,
  '@fresh@', CASE WHEN v_is_of_rows THEN $fresh$
    fresh AS MATERIALIZED (
      SELECT series_id, node_id, bucket, tenant, country, region, probe_type, target_host, events, measured,
             nullif(anomalies, 0) AS anomalies, nullif(sent, 0) AS sent, nullif(lost, 0) AS lost, latency_sum_ns, uptime_sum_ppm,
             nullif(loss_sum_ppm, 0) AS loss_sum_ppm, latency_min_ms, latency_max_ms, nullif(packet_loss_max, 0) AS packet_loss_max,
             CASE measured
               WHEN 0 THEN NULL
               WHEN 1 THEN ARRAY[(latency_bin(latency_min_ms)::bigint << 48) + 1]
               -- Only bins between the least and the most latency, and one more on each side, can have events.
               ELSE (SELECT array_agg(((first_bin + place - 1) << 48) + count ORDER BY place)
                     FROM (SELECT greatest(latency_bin(latency_min_ms) - 1, 0)) AS range (first_bin)
                     CROSS JOIN LATERAL unnest(numbers[first_bin + 1 : latency_bin(latency_max_ms) + 2])
                       WITH ORDINALITY AS number (count, place)
                     WHERE count > 0)
             END AS latency_bins
      FROM (
        SELECT rollup_series_id(node_id, tenant, country, region, probe_type, target_host) AS series_id, node_id, bucket, found.*
        FROM pair CROSS JOIN LATERAL (
          SELECT tenant, country, region, probe_type, target_host,
                 count(*)::integer AS events, count(latency)::integer AS measured,
                 count(*) FILTER (WHERE is_anomaly)::integer AS anomalies,
                 sum(packets)::bigint AS sent, sum(greatest(packets - answers, 0))::bigint AS lost,
                 coalesce(sum(round(latency * 1e6)::bigint), 0)::bigint AS latency_sum_ns,
                 sum(round(uptime * 1e4)::bigint)::bigint AS uptime_sum_ppm,
                 sum(round(loss * 1e4)::bigint)::bigint AS loss_sum_ppm,
                 min(latency) AS latency_min_ms, max(latency) AS latency_max_ms, max(loss) AS packet_loss_max,
                 histogram(ln(CASE WHEN latency < 0.05 THEN 0.05 ELSE latency END), -2.302585092994046, 9.210340371976184, 288)
                   FILTER (WHERE latency IS NOT NULL) AS numbers
          FROM rollup_events
          WHERE rollup_events.node_id = pair.node_id AND time >= pair.bucket AND time < pair.bucket + $7 * interval '1 minute'
            AND time >= $3 AND time < $9
          GROUP BY tenant, country, region, probe_type, target_host
          OFFSET 0
        ) AS found
      ) AS rows
      WHERE $8 NOT IN ('kept', 'sealed kept') OR EXISTS (
        SELECT FROM rollup_kept_minutes AS kept
        WHERE kept.series_id = rows.series_id AND kept.hour = date_trunc('hour', bucket, 'UTC'))
    )
  $fresh$ WHEN p_source = 'finer' THEN $fresh$
    finer AS MATERIALIZED (
      SELECT pair.bucket AS coarse, series.node_id, series.tenant, series.country, series.region, series.probe_type,
             series.target_host, rollup.*
      FROM (SELECT * FROM pair WHERE NOT has_many) AS pair
      CROSS JOIN LATERAL (SELECT * FROM rollup_series WHERE rollup_series.node_id = pair.node_id OFFSET 0) AS series
      CROSS JOIN LATERAL (
        SELECT * FROM rollup_@finer@ AS stored
        WHERE stored.series_id = series.series_id
          AND stored.bucket >= pair.bucket AND stored.bucket < pair.bucket + $7 * interval '1 minute'
          AND stored.bucket >= $3 AND stored.bucket < $9
        OFFSET 0
      ) AS rollup
      UNION ALL
      SELECT many.bucket, series.node_id, series.tenant, series.country, series.region, series.probe_type, series.target_host, rollup.*
      FROM (SELECT DISTINCT bucket FROM pair WHERE has_many) AS many
      CROSS JOIN LATERAL (
        SELECT * FROM rollup_@finer@ AS stored
        WHERE stored.bucket >= many.bucket AND stored.bucket < many.bucket + $7 * interval '1 minute'
          AND stored.bucket >= $3 AND stored.bucket < $9
        OFFSET 0
      ) AS rollup
      CROSS JOIN LATERAL (SELECT * FROM rollup_series WHERE rollup_series.series_id = rollup.series_id OFFSET 0) AS series
      JOIN pair ON pair.node_id = series.node_id AND pair.bucket = many.bucket AND pair.has_many
    ),
    finer_bins AS (
      SELECT series_id, coarse, array_agg((bin << 48) + count ORDER BY bin) AS latency_bins
      FROM (
        SELECT series_id, coarse, entry >> 48 AS bin, sum(entry & 281474976710655)::bigint AS count
        FROM finer CROSS JOIN LATERAL unnest(latency_bins) AS entry
        GROUP BY series_id, coarse, bin
      ) AS sums
      GROUP BY series_id, coarse
    ),
    sums AS (
      SELECT series_id, coarse, min(node_id) AS node_id, min(tenant) AS tenant, min(country) AS country, min(region) AS region,
             min(probe_type) AS probe_type, min(target_host) AS target_host,
             sum(events)::integer AS events, sum(measured)::integer AS measured, nullif(sum(anomalies), 0)::integer AS anomalies,
             nullif(sum(sent), 0)::bigint AS sent, nullif(sum(lost), 0)::bigint AS lost,
             sum(latency_sum_ns)::bigint AS latency_sum_ns, sum(uptime_sum_ppm)::bigint AS uptime_sum_ppm,
             nullif(sum(loss_sum_ppm), 0)::bigint AS loss_sum_ppm, min(latency_min_ms) AS latency_min_ms,
             max(latency_max_ms) AS latency_max_ms, nullif(max(packet_loss_max), 0) AS packet_loss_max
      FROM finer GROUP BY series_id, coarse
    ),
    fresh AS MATERIALIZED (
      SELECT sums.coarse AS bucket, sums.*, finer_bins.latency_bins
      FROM sums LEFT JOIN finer_bins ON finer_bins.series_id = sums.series_id AND finer_bins.coarse = sums.coarse
    )
  $fresh$ ELSE $fresh$
    fresh AS MATERIALIZED (
      SELECT series_id, node_id, bucket, tenant, country, region, probe_type, target_host, events, measured, nullif(anomalies, 0) AS anomalies,
             nullif(sent, 0) AS sent, nullif(lost, 0) AS lost, latency_sum_ns, uptime_sum_ppm, nullif(loss_sum_ppm, 0) AS loss_sum_ppm,
             latency_min_ms, latency_max_ms, nullif(packet_loss_max, 0) AS packet_loss_max, latency_bins
      FROM known WHERE $8 LIKE 'not tenant %' AND tenant <> substr($8, 12)
    )
  $fresh$ END), '@suffix@', v_suffix), '@finer@', coalesce(v_finer, ''))
  INTO v_changed, v_lost, v_gone_series, v_gone_buckets
  USING p_nodes, p_buckets, v_from, v_to, v_is_of_rows, v_coarser_min, p_width_min, p_source,
        v_to + p_width_min * interval '1 minute';
  PERFORM set_config('enable_hashjoin', 'off', true);

  IF v_gone_series IS NOT NULL THEN
    EXECUTE replace($sql$
      DELETE FROM rollup_@suffix@ AS rollup USING unnest($1, $2) AS gone (series_id, bucket)
      WHERE rollup.series_id = gone.series_id AND rollup.bucket = gone.bucket AND rollup.bucket BETWEEN $3 AND $4
    $sql$, '@suffix@', v_suffix) USING v_gone_series, v_gone_buckets, v_from, v_to;
  END IF;
  -- Regions of which nothing is left, and those whose least or most may be another one now.
  IF v_lost IS NOT NULL THEN
    EXECUTE replace($sql$
      DELETE FROM rollup_region_@suffix@ AS stored
      USING jsonb_array_elements($1) AS lost (place)
      WHERE stored.country = place ->> 0 AND stored.region = place ->> 1 AND stored.tenant = place ->> 2
        AND stored.bucket = (place ->> 3)::timestamptz AND stored.bucket BETWEEN $2 AND $3 AND stored.events = 0
    $sql$, '@suffix@', v_suffix) USING v_lost, v_from, v_to;
    EXECUTE replace($sql$
      UPDATE rollup_region_@suffix@ AS stored
      SET latency_min_ms = extremes.latency_min_ms, latency_max_ms = extremes.latency_max_ms,
          packet_loss_max = extremes.packet_loss_max
      FROM (
        SELECT place ->> 0 AS country, place ->> 1 AS region, place ->> 2 AS tenant, (place ->> 3)::timestamptz AS bucket
        FROM jsonb_array_elements($1) AS lost (place)
        OFFSET 0
      ) AS lost
      CROSS JOIN LATERAL (
        SELECT min(latency_min_ms) AS latency_min_ms, max(latency_max_ms) AS latency_max_ms, max(packet_loss_max) AS packet_loss_max
        FROM (
          SELECT rollup.latency_min_ms, rollup.latency_max_ms, rollup.packet_loss_max
          FROM (SELECT count(*) > 1000 AS has_many FROM (
            SELECT FROM rollup_series AS series
            WHERE series.country = lost.country AND series.region = lost.region AND series.tenant = lost.tenant LIMIT 1001
          ) AS series OFFSET 0) AS size
          CROSS JOIN LATERAL (
            SELECT found.*
            FROM (
              SELECT series_id FROM rollup_series AS series
              WHERE series.country = lost.country AND series.region = lost.region AND series.tenant = lost.tenant AND NOT size.has_many
              OFFSET 0
            ) AS series
            CROSS JOIN LATERAL (
              SELECT latency_min_ms, latency_max_ms, packet_loss_max FROM rollup_@suffix@ AS stored
              WHERE stored.series_id = series.series_id AND stored.bucket = lost.bucket AND stored.bucket BETWEEN $2 AND $3
              OFFSET 0
            ) AS found
            UNION ALL
            SELECT found.latency_min_ms, found.latency_max_ms, found.packet_loss_max
            FROM (
              SELECT series_id, latency_min_ms, latency_max_ms, packet_loss_max FROM rollup_@suffix@ AS stored
              WHERE stored.bucket = lost.bucket AND stored.bucket BETWEEN $2 AND $3 AND size.has_many
              OFFSET 0
            ) AS found
            CROSS JOIN LATERAL (SELECT * FROM rollup_series WHERE rollup_series.series_id = found.series_id OFFSET 0) AS series
            WHERE series.country = lost.country AND series.region = lost.region AND series.tenant = lost.tenant
          ) AS rollup
        ) AS rollups
      ) AS extremes
      WHERE stored.country = lost.country AND stored.region = lost.region AND stored.tenant = lost.tenant
        AND stored.bucket = lost.bucket AND stored.bucket BETWEEN $2 AND $3
    $sql$, '@suffix@', v_suffix) USING v_lost, v_from, v_to;
  END IF;
  RETURN v_changed;
END
$rollup$;

-- Computes minutes again that are before thinned_before. Without the minutes of each node there is no difference that could be
-- added to a region: its minute is computed from the rows of all its nodes.
CREATE OR REPLACE FUNCTION rollup_apply_thinned(p_nodes text[], p_buckets timestamptz[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET jit = off
SET enable_seqscan = off
SET enable_mergejoin = off
SET enable_hashjoin = off
AS $$
DECLARE
  v_changed integer := 0;
  v_regions integer;
  v_nodes text[];
  v_buckets timestamptz[];
  v_kept_nodes text[];
  v_kept_buckets timestamptz[];
  v_from timestamptz := (SELECT min(bucket) FROM unnest(p_buckets) AS bucket);
  v_to timestamptz := (SELECT max(bucket) + interval '1 minute' FROM unnest(p_buckets) AS bucket);
BEGIN
  INSERT INTO rollup_series (series_id, node_id, tenant, country, region, probe_type, target_host)
  SELECT DISTINCT rollup_series_id(event.node_id, tenant, country, region, probe_type, target_host), event.node_id, tenant, country,
         region, probe_type, target_host
  FROM unnest(p_nodes, p_buckets) AS pair (node_id, bucket)
  CROSS JOIN LATERAL (
    SELECT DISTINCT node_id, tenant, country, region, probe_type, target_host
    FROM rollup_events
    WHERE rollup_events.node_id = pair.node_id AND time >= bucket AND time < bucket + interval '1 minute'
      AND time >= v_from AND time < v_to
  ) AS event
  ON CONFLICT DO NOTHING;

  -- By node and hour, not by minute: a node may have many series.
  WITH hour AS MATERIALIZED (
    SELECT node_id, date_trunc('hour', bucket, 'UTC') AS hour, array_agg(bucket) AS buckets
    FROM unnest(p_nodes, p_buckets) AS pair (node_id, bucket) GROUP BY 1, 2
  ), many_node AS MATERIALIZED (
    SELECT node_id
    FROM (SELECT DISTINCT node_id FROM hour) AS nodes
    CROSS JOIN LATERAL (
      SELECT count(*) FROM (SELECT FROM rollup_series WHERE rollup_series.node_id = nodes.node_id LIMIT 1001) AS limited
    ) AS series
    WHERE series.count > 1000
  ), many AS MATERIALIZED (
    SELECT DISTINCT series.node_id, kept.hour
    FROM (SELECT DISTINCT hour FROM hour JOIN many_node USING (node_id)) AS hours
    CROSS JOIN LATERAL (SELECT * FROM rollup_kept_minutes WHERE rollup_kept_minutes.hour = hours.hour OFFSET 0) AS kept
    CROSS JOIN LATERAL (SELECT * FROM rollup_series WHERE rollup_series.series_id = kept.series_id OFFSET 0) AS series
  ), split AS MATERIALIZED (
    SELECT node_id, buckets,
           CASE WHEN EXISTS (SELECT FROM many_node WHERE many_node.node_id = hour.node_id)
             THEN EXISTS (SELECT FROM many WHERE many.node_id = hour.node_id AND many.hour = hour.hour)
             ELSE EXISTS (
               SELECT FROM rollup_series AS series JOIN rollup_kept_minutes AS kept USING (series_id)
               WHERE series.node_id = hour.node_id AND kept.hour = hour.hour)
           END AS has_kept,
           EXISTS (
             SELECT FROM rollup_series AS series
             WHERE series.node_id = hour.node_id AND NOT EXISTS (
               SELECT FROM rollup_kept_minutes AS kept WHERE kept.series_id = series.series_id AND kept.hour = hour.hour)
           ) AS has_thinned
    FROM hour
  )
  SELECT array_agg(node_id) FILTER (WHERE has_kept), array_agg(bucket) FILTER (WHERE has_kept),
         array_agg(node_id) FILTER (WHERE has_thinned), array_agg(bucket) FILTER (WHERE has_thinned)
  INTO v_kept_nodes, v_kept_buckets, v_nodes, v_buckets
  FROM split CROSS JOIN LATERAL unnest(buckets) AS bucket;
  -- Without regions, which may have counted rows of these nodes already.
  IF v_kept_nodes IS NOT NULL THEN v_changed := rollup_apply(1, v_kept_nodes, v_kept_buckets, 'kept'); END IF;
  IF v_nodes IS NOT NULL THEN
    INSERT INTO rollup_thinned_nodes AS stored (node_id, before)
    SELECT node_id, least(date_trunc('hour', max(bucket), 'UTC') + interval '1 hour', (SELECT thinned_before FROM rollup_state))
    FROM unnest(v_nodes, v_buckets) AS pair (node_id, bucket) GROUP BY node_id
    ON CONFLICT (node_id) DO UPDATE SET before = excluded.before WHERE stored.before < excluded.before;

    INSERT INTO rollup_marks (width_min, due_at, pairs, first_minute, last_minute, nodes, minutes)
    SELECT 5, now(), count(*), min(minute), max(minute), array_agg(node_id), array_agg(minute)
    FROM (
      SELECT DISTINCT node_id, (floor(extract(epoch FROM bucket) / 300) * 5)::integer AS minute
      FROM unnest(v_nodes, v_buckets) AS pair (node_id, bucket)
    ) AS pairs;
  END IF;

  -- Regions of a node, and nodes of a region, are looked up once and not for each minute.
  WITH pair AS MATERIALIZED (
    SELECT node_id, array_agg(bucket) AS buckets FROM unnest(p_nodes, p_buckets) AS pair (node_id, bucket) GROUP BY node_id
  ), place AS MATERIALIZED (
    SELECT row_number() OVER () AS place, places.*
    FROM (
      SELECT DISTINCT country, region, tenant, bucket
      FROM pair
      CROSS JOIN LATERAL (
        SELECT DISTINCT country, region, tenant FROM rollup_series WHERE rollup_series.node_id = pair.node_id OFFSET 0
      ) AS series
      CROSS JOIN LATERAL unnest(buckets) AS bucket
    ) AS places
  ), neighbours AS MATERIALIZED (
    SELECT country, region, tenant, nodes
    FROM (SELECT DISTINCT country, region, tenant FROM place) AS regions
    CROSS JOIN LATERAL (
      SELECT array_agg(DISTINCT node_id) AS nodes FROM rollup_series AS series
      WHERE series.country = regions.country AND series.region = regions.region AND series.tenant = regions.tenant
    ) AS found
  ), event AS MATERIALIZED (
    SELECT place, event.*
    FROM place
    JOIN neighbours USING (country, region, tenant)
    CROSS JOIN LATERAL unnest(nodes) AS node (node_id)
    CROSS JOIN LATERAL (
      SELECT rollup_events.node_id, latency, uptime, loss, packets, answers, is_anomaly
      FROM rollup_events
      WHERE rollup_events.node_id = node.node_id AND time >= place.bucket AND time < place.bucket + interval '1 minute'
        AND time >= v_from AND time < v_to
        AND rollup_events.country = place.country AND rollup_events.region = place.region AND rollup_events.tenant = place.tenant
      OFFSET 0
    ) AS event
  ), fresh AS MATERIALIZED (
    SELECT place, count(DISTINCT node_id)::integer AS nodes, count(*) AS events, count(latency) AS measured,
           nullif(count(*) FILTER (WHERE is_anomaly), 0) AS anomalies,
           nullif(sum(packets), 0)::bigint AS sent, nullif(sum(greatest(packets - answers, 0)), 0)::bigint AS lost,
           coalesce(sum(round(latency * 1e6)::bigint), 0)::bigint AS latency_sum_ns,
           sum(round(uptime * 1e4)::bigint)::bigint AS uptime_sum_ppm,
           nullif(sum(round(loss * 1e4)::bigint), 0)::bigint AS loss_sum_ppm,
           min(latency) AS latency_min_ms, max(latency) AS latency_max_ms, nullif(max(loss), 0) AS packet_loss_max,
           latency_merge(ARRAY[(latency_bin(latency)::bigint << 48) + 1]) FILTER (WHERE latency IS NOT NULL) AS latency_bins
    FROM event GROUP BY place
  ), removed AS (
    DELETE FROM rollup_region_1m AS stored USING place
    WHERE stored.country = place.country AND stored.region = place.region AND stored.tenant = place.tenant
      AND stored.bucket = place.bucket AND stored.bucket >= v_from AND stored.bucket < v_to
      AND NOT EXISTS (SELECT FROM fresh WHERE fresh.place = place.place)
    RETURNING 1
  ), stored AS (
    INSERT INTO rollup_region_1m AS stored (
      country, region, tenant, bucket, nodes, events, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm,
      loss_sum_ppm, latency_min_ms, latency_max_ms, packet_loss_max, latency_bins
    )
    SELECT country, region, tenant, bucket, nodes, events, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm,
           loss_sum_ppm, latency_min_ms, latency_max_ms, packet_loss_max, latency_bins
    FROM fresh JOIN place USING (place)
    ORDER BY bucket, country, region, tenant
    ON CONFLICT (country, region, tenant, bucket) DO UPDATE SET
      nodes = excluded.nodes, events = excluded.events, measured = excluded.measured, anomalies = excluded.anomalies,
      sent = excluded.sent, lost = excluded.lost, latency_sum_ns = excluded.latency_sum_ns,
      uptime_sum_ppm = excluded.uptime_sum_ppm, loss_sum_ppm = excluded.loss_sum_ppm,
      latency_min_ms = excluded.latency_min_ms, latency_max_ms = excluded.latency_max_ms,
      packet_loss_max = excluded.packet_loss_max, latency_bins = excluded.latency_bins
    WHERE (stored.nodes, stored.events, stored.measured, stored.anomalies, stored.sent, stored.lost, stored.latency_sum_ns,
           stored.uptime_sum_ppm, stored.loss_sum_ppm, stored.latency_min_ms, stored.latency_max_ms, stored.packet_loss_max,
           stored.latency_bins)
      IS DISTINCT FROM
          (excluded.nodes, excluded.events, excluded.measured, excluded.anomalies, excluded.sent, excluded.lost,
           excluded.latency_sum_ns, excluded.uptime_sum_ppm, excluded.loss_sum_ppm, excluded.latency_min_ms,
           excluded.latency_max_ms, excluded.packet_loss_max, excluded.latency_bins)
    RETURNING 1
  )
  SELECT (SELECT count(*) FROM removed) + (SELECT count(*) FROM stored) INTO v_regions;
  RETURN v_changed + v_regions;
END
$$;
