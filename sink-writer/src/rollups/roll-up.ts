import { type PgPool, query } from "@fiberstream/postgres/pool";
import type { RollUpMetrics, Width } from "./roll-up-metrics.ts";

/** Widths of the roll-ups in minutes, from the finest to the coarsest: each is computed from the one before, the first from rows. */
export const WIDTHS = [1, 5, 60, 1_440] as const satisfies readonly Width[];

/**
 * Computes what is marked, one transaction after another, until nothing is due or `forMs` is over; then the work that
 * can wait: buckets that have not ended yet, rows that were there before the roll-ups were, and the sealing of hours whose
 * rows are to be dropped. One sink at a time does this, by a lock of the database.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export type RollUp = (options: { forMs: number; isEnding?: () => boolean }) => Promise<void>;

export function createRollUp(options: {
  pool: PgPool;
  metrics: Pick<RollUpMetrics, "rolledUp" | "failed">;
  /** A monotonic clock, in ms. */
  nowMs?: () => number;
}): RollUp {
  const { pool, metrics, nowMs = () => performance.now() } = options;
  const batches = createBatchSize();
  let nextEarlyMs = 0;

  /** @returns how many pairs of node and bucket were computed; undefined if another sink has the lock */
  const refresh = async (width: Width, due: string) => {
    const startedMs = nowMs();
    try {
      const [done] = await query<Refreshed>(pool, refreshUntil(due), [width, batches.size()]);
      batches.took(nowMs() - startedMs);
      if (done === undefined || done.pairs === null) return undefined;
      metrics.rolledUp({ width, pairs: done.pairs, changed: done.changed ?? 0 });
      return done.pairs;
    } catch (error) {
      batches.failed();
      metrics.failed();
      throw error;
    }
  };

  /** Computes buckets before their end, unless that takes long: then they wait for it. */
  const refreshEarly = async () => {
    const startedMs = nowMs();
    if (startedMs < nextEarlyMs) return;
    for (const width of WIDTHS) if ((await refresh(width, EVER)) === undefined) return;
    const tookMs = nowMs() - startedMs;
    nextEarlyMs = startedMs + Math.max(EARLY_EVERY_MS, tookMs * EARLY_SHARE);
  };

  return async ({ forMs, isEnding = () => false }) => {
    const endAtMs = nowMs() + forMs;
    const isOver = () => nowMs() >= endAtMs || isEnding();
    while (!isOver()) {
      let pairs = 0;
      for (const width of WIDTHS) {
        // All of the finest first: what is coarser is then computed once.
        for (let done: number | undefined = -1; done !== 0 && !isOver(); pairs += done) {
          done = await refresh(width, width === 1 ? SETTLED : DUE);
          if (done === undefined) return;
        }
      }
      if (pairs > 0) continue;
      await refreshEarly();
      const [rest] = await query<{ isMore: boolean }>(pool, DO_WHAT_CAN_WAIT);
      if (rest?.isMore !== true) return;
    }
  };
}

type Refreshed = { readonly pairs: number | null; readonly changed: number | null };

const EARLY_EVERY_MS = 5_000;
/** Computing buckets early takes at most one part of so many of the time. */
const EARLY_SHARE = 50;

/** How many pairs of node and bucket a transaction computes: as many as take about a second, however many rows they have. */
function createBatchSize() {
  let size = 2_000;
  const setSize = (wanted: number) => {
    size = Math.min(Math.max(Math.floor(wanted), 1), MAX_PAIRS);
  };
  return {
    size: () => size,
    took: (ms: number) => {
      if (ms > MAX_BATCH_MS) setSize(size / 2);
      else if (ms < MAX_BATCH_MS / 4) setSize(size * 2);
    },
    failed: () => setSize(size / 8),
  };
}

const MAX_PAIRS = 20_000;
const MAX_BATCH_MS = 2_000;

// A second after the end of a minute, when most of its last rows are there.
const SETTLED = "now() - interval '1 second'";
const DUE = "now()";
const EVER = "'infinity'";
const refreshUntil = (due: string) =>
  `SELECT pairs, changed FROM rollup_refresh($1::integer, ${due}, $2::integer)`;

const DO_WHAT_CAN_WAIT = `SELECT rollup_backfill_step(5) OR rollup_seal_hour() AS "isMore"`;
