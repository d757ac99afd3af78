import { type PgPool, query } from "@fiberstream/postgres/pool";
import { createBatchSize } from "./batch-size.ts";
import type { Refresh } from "./refresh.ts";
import { type RollUpMetrics, WIDTHS } from "./roll-up-metrics.ts";

/**
 * Does one step each of what is not due: rows that were there before the roll-ups were, the sealing of hours whose rows are to be
 * dropped, and buckets that have not ended.
 *
 * @returns whether there is more
 * @throws {TransientError}
 * @throws {FatalError}
 */
export type WorkThatCanWait = () => Promise<boolean>;

export function createWorkThatCanWait(options: {
  pool: PgPool;
  metrics: Pick<RollUpMetrics, "failed">;
  refresh: Refresh;
  nowMs: () => number;
}): WorkThatCanWait {
  const { pool, metrics, refresh, nowMs } = options;
  const stepOf = (statement: string, maxMinutes: number) => {
    const minutes = createBatchSize({ first: 1, max: maxMinutes });
    return async () => {
      const startedMs = nowMs();
      try {
        const [step] = await query<{ isMore: boolean }>(pool, statement, [minutes.size()]);
        minutes.took(nowMs() - startedMs);
        return step?.isMore === true;
      } catch (error) {
        minutes.failed();
        metrics.failed();
        throw error;
      }
    };
  };
  const backfill = stepOf(BACKFILL, MAX_BACKFILL_MINUTES);
  const seal = stepOf(SEAL, MAX_SEALED_MINUTES);
  let nextEarlyMs = 0;

  /** Computes buckets before their end, unless that takes long: then they wait for it. */
  const refreshEarly = async () => {
    const startedMs = nowMs();
    if (startedMs < nextEarlyMs) return;
    for (const width of WIDTHS) if ((await refresh(width, "ever")) === undefined) return;
    const tookMs = nowMs() - startedMs;
    nextEarlyMs = startedMs + Math.max(EARLY_EVERY_MS, tookMs * EARLY_SHARE);
  };

  return async () => {
    await refreshEarly();
    return (await backfill()) || (await seal());
  };
}

const EARLY_EVERY_MS = 5_000;
/** Computing buckets early takes at most one part of so many of the time. */
const EARLY_SHARE = 50;

/** The rows of so many minutes are marked at a time at most: 100,000 nodes have 12 million pairs in two hours. */
const MAX_BACKFILL_MINUTES = 120;
const MAX_SEALED_MINUTES = 60;

const BACKFILL = `SELECT rollup_backfill_step($1::integer) AS "isMore"`;
const SEAL = `SELECT rollup_seal_step($1::integer) AS "isMore"`;
