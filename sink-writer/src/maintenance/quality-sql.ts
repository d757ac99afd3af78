/** With fewer events of one probe type and target no interval is inferred. */
const EVENTS_FOR_A_RHYTHM = 10;
/**
 * Events that a series sent within less time count as sent over this time. Otherwise a node could send ten events at
 * one moment, be expected to send at that rate all day, and outweigh all other nodes.
 */
const SEEN_AT_LEAST_S = 600;
/** A pause so many times as long as the interval is a gap. */
const GAP_INTERVALS = 3;

/**
 * Measures some nodes ($1) on a day ($2) up to a time ($3). It replaces earlier measurements of the day, except
 * `repeats`, which the writes count.
 *
 * A node sends a series for each probe type and target. A series' interval is the median time between two of its events,
 * which gaps do not change unless they are half of the times. The expected number is the time since the start of the day
 * (since the first event, if the node had none the day before) divided by the interval, and at most 144 times (a day over
 * 10 minutes) the number sent. A node that is silent all day is expected to send what it was expected to send the day
 * before, for one day: after that it counts as gone.
 *
 * The gaps of a series are counted in an array: joining events with series would give as many pairs as both multiplied
 * if a node has another target in each event.
 */
export const MEASURE_NODES = `
  WITH period AS (
    SELECT $2::date AS day, $2::date::timestamp AT TIME ZONE 'UTC' AS begins, $3::timestamptz AS until
  ),
  before AS (
    SELECT node_id, events, expected
    FROM metric_quality_daily
    WHERE day = $2::date - 1 AND node_id = ANY($1::text[])
  ),
  events AS (
    SELECT node_id, time, probe_type, target_host, quality,
           extract(epoch FROM received_at - time) * 1000 AS delay_ms,
           latency_ms NOT BETWEEN 0 AND 10000 OR uptime_pct NOT BETWEEN 0 AND 100
             OR packet_loss NOT BETWEEN 0 AND 100 AS is_out_of_range,
           extract(epoch FROM time - lag(time) OVER (
             PARTITION BY node_id, probe_type, target_host ORDER BY time
           )) AS gap_s
    FROM metrics, period
    WHERE node_id = ANY($1::text[]) AND time >= begins AND time < until
  ),
  series AS (
    SELECT node_id, probe_type, target_host, count(*) AS events,
           min(time) AS first, max(time) AS last, max(gap_s) AS longest_s, array_agg(gap_s) AS gaps_s,
           CASE WHEN count(*) >= ${EVENTS_FOR_A_RHYTHM}
             THEN nullif(percentile_cont(0.5) WITHIN GROUP (ORDER BY gap_s), 0)
           END AS interval_s
    FROM events
    GROUP BY node_id, probe_type, target_host
  ),
  judged AS (
    SELECT series.*,
           CASE WHEN before.events > 0 THEN begins ELSE first END AS since,
           extract(epoch FROM first - CASE WHEN before.events > 0 THEN begins ELSE first END) AS head_s,
           extract(epoch FROM until - last) AS tail_s
    FROM series CROSS JOIN period LEFT JOIN before USING (node_id)
  ),
  inner_gaps AS (
    SELECT node_id, sum((
             SELECT count(*) FROM unnest(gaps_s) AS gap_s WHERE gap_s > ${GAP_INTERVALS} * interval_s
           )) AS gaps
    FROM series
    GROUP BY node_id
  ),
  rhythms AS (
    SELECT node_id,
           sum(CASE WHEN interval_s IS NULL THEN events
             ELSE greatest(events, round(
               extract(epoch FROM until - since) / greatest(interval_s, ${SEEN_AT_LEAST_S}.0 / events)
             ))
           END) FILTER (WHERE has_rhythm) AS expected,
           min(interval_s) AS interval_s,
           max(greatest(longest_s, head_s, tail_s)) AS longest_gap_s,
           count(*) FILTER (WHERE head_s > ${GAP_INTERVALS} * interval_s)
             + count(*) FILTER (WHERE tail_s > ${GAP_INTERVALS} * interval_s) AS outer_gaps
    FROM (
      SELECT judged.*, bool_or(interval_s IS NOT NULL) OVER (PARTITION BY node_id) AS has_rhythm
      FROM judged
    ) AS judged CROSS JOIN period
    GROUP BY node_id
  ),
  counts AS (
    SELECT node_id, count(*) AS events,
           count(*) FILTER (WHERE quality = 'late') AS late,
           count(*) FILTER (WHERE delay_ms < 0) AS ahead,
           min(delay_ms) AS delay_min_ms,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY delay_ms) AS delay_p50_ms,
           max(delay_ms) AS delay_max_ms,
           count(*) FILTER (WHERE is_out_of_range) AS out_of_range
    FROM events
    GROUP BY node_id
  ),
  conflicts AS (
    SELECT node_id, count(*) AS conflicts
    FROM metric_conflicts, period
    WHERE node_id = ANY($1::text[]) AND time >= begins AND time < begins + interval '1 day'
    GROUP BY node_id
  ),
  silent AS (
    SELECT node_id,
           round(expected * extract(epoch FROM until - begins) / 86400) AS expected,
           extract(epoch FROM until - begins) AS longest_gap_s
    FROM before JOIN nodes USING (node_id) CROSS JOIN period
    WHERE events > 0 AND node_id NOT IN (SELECT node_id FROM counts)
      AND (status IN ('registered', 'reporting') OR silent_since IS NOT NULL)
      AND status <> 'deleted'
  )
  INSERT INTO metric_quality_daily (
    day, node_id, events, expected, interval_s, gaps, longest_gap_s, late, ahead,
    delay_min_ms, delay_p50_ms, delay_max_ms, out_of_range, conflicts, measured_at
  )
  SELECT period.day, node_id, coalesce(counts.events, 0),
         coalesce(rhythms.expected, silent.expected), interval_s,
         coalesce(gaps, 0) + coalesce(outer_gaps, 0) + (silent.node_id IS NOT NULL)::int,
         coalesce(rhythms.longest_gap_s, silent.longest_gap_s),
         coalesce(late, 0), coalesce(ahead, 0), delay_min_ms, delay_p50_ms, delay_max_ms,
         coalesce(out_of_range, 0), coalesce(conflicts, 0), until
  FROM period
  CROSS JOIN (counts FULL JOIN silent USING (node_id))
  LEFT JOIN rhythms USING (node_id)
  LEFT JOIN inner_gaps USING (node_id)
  LEFT JOIN conflicts USING (node_id)
  ORDER BY node_id
  ON CONFLICT (day, node_id) DO UPDATE SET
    events = excluded.events, expected = excluded.expected, interval_s = excluded.interval_s,
    gaps = excluded.gaps, longest_gap_s = excluded.longest_gap_s, late = excluded.late,
    ahead = excluded.ahead, delay_min_ms = excluded.delay_min_ms,
    delay_p50_ms = excluded.delay_p50_ms, delay_max_ms = excluded.delay_max_ms,
    out_of_range = excluded.out_of_range, conflicts = excluded.conflicts,
    measured_at = excluded.measured_at`;

/**
 * Returns the statement that counts the rows left in a staging table: events that are stored already. It locks rows in
 * the order of the nodes, as all writers of this table do, so that they do not deadlock.
 */
export const countRepeatsIn = (stagingTable: string): string => `
  INSERT INTO metric_quality_daily (day, node_id, repeats)
  SELECT (time AT TIME ZONE 'UTC')::date AS day, node_id, count(*)
  FROM ${stagingTable}
  GROUP BY day, node_id
  ORDER BY day, node_id
  ON CONFLICT (day, node_id) DO UPDATE SET repeats = metric_quality_daily.repeats + excluded.repeats`;
