import { type PgPool, query } from "@fiberstream/postgres/pool";
import { messageOf } from "@fiberstream/runtime/errors";
import { createBatchSize } from "./batch-size.ts";
import { type RollUpMetrics, WIDTH_LABELS, type Width } from "./roll-up-metrics.ts";

/** Which marks: those that are due, or also those of buckets that have not ended. */
export type Due = "due" | "ever";

/**
 * Computes the oldest marks of a width, in one transaction.
 *
 * @returns how many pairs of node and bucket were computed; undefined if another sink has the lock
 * @throws {TransientError}
 * @throws {FatalError}
 */
export type Refresh = (width: Width, due: Due) => Promise<number | undefined>;

/**
 * A transaction that fails is repeated with fewer pairs. One pair that fails again although it is alone would block all
 * others: its node is set aside.
 */
export function createRefresh(options: {
  pool: PgPool;
  metrics: Pick<RollUpMetrics, "rolledUp" | "failed">;
  nowMs: () => number;
}): Refresh {
  const { pool, metrics, nowMs } = options;
  const batches = createBatchSize({ first: 2_000, max: MAX_PAIRS });
  let failuresAlone = 0;

  const refresh: Refresh = async (width, due) => {
    const startedMs = nowMs();
    const until = untilOf(width, due);
    const [done] = await query<Refreshed>(pool, refreshUntil(until), [width, batches.size()]);
    batches.took(nowMs() - startedMs);
    failuresAlone = 0;
    if (done === undefined || done.pairs === null) return undefined;
    metrics.rolledUp({ width, pairs: done.pairs, changed: done.changed ?? 0 });
    return done.pairs;
  };

  return async (width, due) => {
    try {
      return await refresh(width, due);
    } catch (error) {
      metrics.failed();
      if (batches.size() > 1) batches.failed();
      else if (++failuresAlone >= FAILURES_ALONE) {
        failuresAlone = 0;
        const reason = `${WIDTH_LABELS[width]}: ${messageOf(error)}`;
        await query(pool, setAsideUntil(untilOf(width, due)), [width, reason]);
      }
      throw error;
    }
  };
}

type Refreshed = { readonly pairs: number | null; readonly changed: number | null };

const MAX_PAIRS = 20_000;
/** Once may be a server that was overloaded at that moment. */
const FAILURES_ALONE = 2;

// Minutes a second after their end, when most of their last rows are there.
const untilOf = (width: Width, due: Due) =>
  due === "ever" ? "'infinity'" : width === 1 ? "now() - interval '1 second'" : "now()";
const refreshUntil = (until: string) =>
  `SELECT pairs, changed FROM rollup_refresh($1::integer, ${until}, $2::integer)`;
const setAsideUntil = (until: string) =>
  `SELECT rollup_set_aside_first($1::integer, ${until}, $2::text)`;
