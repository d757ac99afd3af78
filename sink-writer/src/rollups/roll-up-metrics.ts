import { type PgPool, query } from "@fiberstream/postgres/pool";
import { Counter, Gauge, type Registry } from "prom-client";

/** Width of a roll-up in minutes. */
export type Width = 1 | 5 | 60 | 1_440;

/** From the finest to the coarsest: each is computed from the one before, the first from rows. */
export const WIDTHS = [1, 5, 60, 1_440] as const satisfies readonly Width[];

export const WIDTH_LABELS: Readonly<Record<Width, string>> = {
  1: "1m",
  5: "5m",
  60: "1h",
  1440: "1d",
};

export type RollUpMetrics = {
  readonly rolledUp: (done: { width: Width; pairs: number; changed: number }) => void;
  readonly failed: () => void;
  /**
   * Reads what waits.
   * @throws {TransientError}
   * @throws {FatalError}
   */
  readonly refresh: (pool: PgPool) => Promise<void>;
};

/** Counters of the roll-ups that this sink has computed, and gauges of what waits. Every sink reports the same gauges. */
export function createRollUpMetrics(registry: Registry): RollUpMetrics {
  const registers = [registry];
  const labelNames = ["width"];
  const lag = new Gauge({
    name: "fiberstream_rollup_lag_seconds",
    help: "For how long the oldest marked roll-up has been due. It grows when the sinks' roll-ups are slower than the rows, or fail",
    labelNames,
    registers,
  });
  const waiting = new Gauge({
    name: "fiberstream_rollup_waiting_pairs",
    help: "Pairs of node and bucket that are marked, those of buckets that have not ended included; one that several writes marked counts several times",
    labelNames,
    registers,
  });
  const left = new Gauge({
    name: "fiberstream_rollup_backfill_seconds",
    help: "Seconds of rows from before the roll-ups that are not in them yet; 0 when all are",
    registers,
  });
  const unsealed = new Gauge({
    name: "fiberstream_rollup_unsealed_seconds",
    help: "For how long rows past retention have not been dropped because their hours are not sealed; 0 when none wait",
    registers,
  });
  const setAside = new Gauge({
    name: "fiberstream_rollup_set_aside_pairs",
    help: "Pairs of node and bucket that are set aside, because one of their node failed although it was computed alone. The table rollup_set_aside has the reason",
    labelNames,
    registers,
  });
  const computed = new Counter({
    name: "fiberstream_rollup_pairs_total",
    help: "Pairs of node and bucket that this sink has computed again",
    labelNames,
    registers,
  });
  const written = new Counter({
    name: "fiberstream_rollup_rows_written_total",
    help: "Roll-ups that had changed, so that this sink wrote them",
    labelNames,
    registers,
  });
  const failures = new Counter({
    name: "fiberstream_rollup_failures_total",
    help: "Transactions of roll-ups that failed; they are repeated with fewer pairs. The log has the reason",
    registers,
  });
  for (const width of Object.values(WIDTH_LABELS)) {
    computed.inc({ width }, 0);
    written.inc({ width }, 0);
  }

  return {
    rolledUp: ({ width, pairs, changed }) => {
      computed.inc({ width: WIDTH_LABELS[width] }, pairs);
      written.inc({ width: WIDTH_LABELS[width] }, changed);
    },
    failed: () => failures.inc(),
    refresh: async (pool) => {
      for (const row of await query<Progress>(pool, SELECT_PROGRESS)) {
        const width = WIDTH_LABELS[row.width];
        lag.set({ width }, row.lagS);
        waiting.set({ width }, Number(row.pairs));
        setAside.set({ width }, Number(row.setAside));
        left.set(row.backfillS);
        unsealed.set(row.unsealedS);
      }
    },
  };
}

type Progress = {
  readonly width: Width;
  readonly lagS: number;
  readonly pairs: string;
  readonly setAside: string;
  readonly backfillS: number;
  readonly unsealedS: number;
};

const SELECT_PROGRESS = `
  SELECT width_min AS width, lag_s AS "lagS", pairs,
         (SELECT coalesce(sum(cardinality(minutes)), 0) FROM rollup_set_aside AS aside
          WHERE aside.width_min = rollup_progress.width_min) AS "setAside",
         extract(epoch FROM backfilled_from - backfill_to)::double precision AS "backfillS",
         rollup_unsealed_s() AS "unsealedS"
  FROM rollup_progress CROSS JOIN rollup_state`;
