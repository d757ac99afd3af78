import { type PgPool, query } from "@fiberstream/postgres/pool";

/** A row of metric_quality_daily, with counts as numbers. */
export type QualityRow = {
  /** UTC, such as 2026-11-24. */
  readonly day: string;
  readonly node_id: string;
  readonly events: number;
  /** Null if the node sent too few events to determine its interval. */
  readonly expected: number | null;
  /** Events divided by expected events, 0 to 1. */
  readonly completeness: number | null;
  readonly interval_s: number | null;
  readonly gaps: number;
  readonly longest_gap_s: number | null;
  readonly late: number;
  readonly ahead: number;
  readonly delay_min_ms: number | null;
  readonly delay_p50_ms: number | null;
  readonly delay_max_ms: number | null;
  readonly out_of_range: number;
  readonly conflicts: number;
  readonly repeats: number;
  readonly measured_at: Date | null;
};

/** The sums of all nodes of a day. */
export type QualitySum = {
  readonly nodes: number;
  readonly events: number;
  /** Null if no node has a known interval. */
  readonly completeness: number | null;
  readonly late: number;
  readonly ahead: number;
  readonly out_of_range: number;
  readonly conflicts: number;
  readonly repeats: number;
  /** The earliest measurement of the nodes; null if nothing was measured. */
  readonly measured_at: Date | null;
};

/** Returns the worst nodes of a day, ordered by missing events, then by other faults. */
export const worstNodes = (
  pool: PgPool,
  { day, limit }: { day: string; limit: number },
): Promise<QualityRow[]> =>
  query<QualityRow>(
    pool,
    `SELECT ${COLUMNS} FROM metric_quality_daily WHERE day = $1
     ORDER BY completeness NULLS LAST,
              late + ahead + out_of_range + conflicts + repeats DESC, node_id
     LIMIT $2`,
    [day, limit],
  );

/** Returns the days of a node, the newest first. */
export const daysOfNode = (
  pool: PgPool,
  { nodeId, limit }: { nodeId: string; limit: number },
): Promise<QualityRow[]> =>
  query<QualityRow>(
    pool,
    `SELECT ${COLUMNS} FROM metric_quality_daily WHERE node_id = $1 ORDER BY day DESC LIMIT $2`,
    [nodeId, limit],
  );

export async function sumOfDay(pool: PgPool, day: string): Promise<QualitySum | undefined> {
  const [sum] = await query<QualitySum>(
    pool,
    `SELECT count(*)::float8 AS nodes, coalesce(sum(events), 0)::float8 AS events,
            (sum(events) FILTER (WHERE expected IS NOT NULL) / nullif(sum(expected), 0))::float8
              AS completeness,
            ${SUMMED.map((name) => `coalesce(sum(${name}), 0)::float8 AS ${name}`).join(", ")},
            min(measured_at) AS measured_at
     FROM metric_quality_daily WHERE day = $1`,
    [day],
  );
  return sum;
}

const SUMMED = ["late", "ahead", "out_of_range", "conflicts", "repeats"];

const COLUMNS = `
  day::text AS day, node_id, events::float8 AS events, expected::float8 AS expected,
  CASE WHEN expected > 0 THEN least(1, events / expected::float8) END AS completeness,
  interval_s, gaps::float8 AS gaps, longest_gap_s, late::float8 AS late, ahead::float8 AS ahead,
  delay_min_ms, delay_p50_ms, delay_max_ms, out_of_range::float8 AS out_of_range,
  conflicts::float8 AS conflicts, repeats::float8 AS repeats, measured_at`;
