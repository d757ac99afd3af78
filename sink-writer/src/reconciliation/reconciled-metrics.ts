import { type PgPool, query } from "@fiberstream/postgres/pool";
import type { Verdict } from "@fiberstream/reconciliation/judge-minute";
import { Gauge, type Registry } from "prom-client";

export const VERDICTS = ["ok", "differs", "not known"] as const satisfies Verdict[];

export type ReconciledMetrics = {
  /**
   * Reads the verdicts.
   * @throws {TransientError}
   * @throws {FatalError}
   */
  readonly refresh: (pool: PgPool) => Promise<void>;
};

/** Gauges of the table reconciled_minutes. Every sink reports the same values. */
export function createReconciledMetrics(registry: Registry): ReconciledMetrics {
  const registers = [registry];
  const minutes = new Gauge({
    name: "fiberstream_reconciled_verdicts",
    help: "Reconciled minutes of the last day, by verdict. differs: events are lost, duplicated or changed; fiber reconcile shows which",
    labelNames: ["verdict"],
    registers,
  });
  const unaccounted = new Gauge({
    name: "fiberstream_reconciled_unaccounted_events",
    help: "At least so many events of the last day were lost, duplicated or changed between the raw topic and the table; must be 0",
    registers,
  });
  const newest = new Gauge({
    name: "fiberstream_reconciled_newest_minute_timestamp_seconds",
    help: "The newest reconciled minute: a few minutes ago while events arrive, older when a stage lags",
    registers,
  });

  return {
    refresh: async (pool) => {
      const [row] = await query<SumsRow>(pool, SELECT_SUMS);
      if (row === undefined) return;
      for (const verdict of VERDICTS) minutes.set({ verdict }, row[verdict]);
      unaccounted.set(row.unaccounted);
      newest.set(row.newest);
    },
  };
}

type SumsRow = Record<Verdict, number> & { unaccounted: number; newest: number };

const SELECT_SUMS = `
  SELECT (count(*) FILTER (WHERE verdict = 'ok'))::float8 AS ok,
         (count(*) FILTER (WHERE verdict = 'differs'))::float8 AS differs,
         (count(*) FILTER (WHERE verdict = 'not known'))::float8 AS "not known",
         coalesce(sum(unaccounted), 0)::float8 AS unaccounted,
         coalesce(extract(epoch FROM max(minute)), 0)::float8 AS newest
  FROM reconciled_minutes
  WHERE minute > now() - interval '1 day'`;
