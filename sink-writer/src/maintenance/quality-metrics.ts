import { type PgPool, query } from "@fiberstream/postgres/pool";
import { Gauge, type Registry } from "prom-client";

export const QUALITY_DAYS = ["today", "yesterday"] as const;
export const QUALITY_KINDS = [
  "received",
  "expected",
  "late",
  "ahead",
  "out_of_range",
  "conflict",
  "repeat",
] as const;

type Sums = { readonly day: (typeof QUALITY_DAYS)[number]; readonly incomplete: number } & Record<
  (typeof QUALITY_KINDS)[number],
  number
>;

export type QualityMetrics = {
  /**
   * Reads the latest measurements.
   * @throws {TransientError}
   * @throws {FatalError}
   */
  readonly refresh: (pool: PgPool) => Promise<void>;
};

/** Gauges of metric_quality_daily, summed over all nodes. Every sink reports the same values. */
export function createQualityMetrics(registry: Registry): QualityMetrics {
  const registers = [registry];
  const events = new Gauge({
    name: "fiberstream_quality_events",
    help: "Events of today and yesterday (UTC) over all nodes, as last measured. received divided by expected is the completeness; fiber quality lists the worst nodes",
    labelNames: ["day", "kind"],
    registers,
  });
  const incomplete = new Gauge({
    name: "fiberstream_quality_incomplete_nodes",
    help: "Nodes that delivered under 95 % of the events their usual interval predicts; see fiber quality",
    labelNames: ["day"],
    registers,
  });

  return {
    refresh: async (pool) => {
      const days = await query<Sums>(pool, SELECT_SUMS);
      for (const sums of days) {
        for (const kind of QUALITY_KINDS) events.set({ day: sums.day, kind }, sums[kind]);
        incomplete.set({ day: sums.day }, sums.incomplete);
      }
    },
  };
}

// Always both days: a missing gauge says nothing, 0 does.
// `received` counts only nodes with an expected number, so that nodes without one do not make up for others.
const SELECT_SUMS = `
  SELECT days.name AS day,
         coalesce(sum(events) FILTER (WHERE expected IS NOT NULL), 0)::float8 AS received,
         coalesce(sum(expected), 0)::float8 AS expected,
         coalesce(sum(late), 0)::float8 AS late,
         coalesce(sum(ahead), 0)::float8 AS ahead,
         coalesce(sum(out_of_range), 0)::float8 AS out_of_range,
         coalesce(sum(conflicts), 0)::float8 AS conflict,
         coalesce(sum(repeats), 0)::float8 AS repeat,
         (count(*) FILTER (WHERE events < 0.95 * expected))::float8 AS incomplete
  FROM (VALUES ('today', 0), ('yesterday', 1)) AS days (name, ago)
  LEFT JOIN metric_quality_daily ON day = (now() AT TIME ZONE 'UTC')::date - ago
  GROUP BY 1`;
