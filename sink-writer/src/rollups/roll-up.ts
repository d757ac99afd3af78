import type { PgPool } from "@fiberstream/postgres/pool";
import { createRefresh } from "./refresh.ts";
import { type RollUpMetrics, WIDTHS } from "./roll-up-metrics.ts";
import { createWorkThatCanWait } from "./work-that-can-wait.ts";

/**
 * Computes what is marked, one transaction after another, until nothing is due or `forMs` is over. A fifth of the time, and
 * what is left of it, is for the work that can wait. One sink at a time does this, by a lock of the database.
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
  const { nowMs = () => performance.now() } = options;
  const refresh = createRefresh({ ...options, nowMs });
  const doWhatCanWait = createWorkThatCanWait({ ...options, nowMs, refresh });
  let restsUntilMs = 0;
  /** How much longer marks were computed than what can wait was done, by its share. */
  let owedMs = 0;

  return async ({ forMs, isEnding = () => false }) => {
    const startedMs = nowMs();
    if (startedMs < restsUntilMs) return;
    const endAtMs = startedMs + forMs;
    try {
      await rollUpUntil({ isOver: () => nowMs() >= endAtMs || isEnding(), isEnding });
    } finally {
      restsUntilMs = nowMs() + (nowMs() - startedMs) * REST_FACTOR;
    }
  };

  async function rollUpUntil(when: { isOver: () => boolean; isEnding: () => boolean }) {
    while (!when.isOver()) {
      const startedMs = nowMs();
      const pairs = await refreshDue(when.isEnding);
      if (pairs === undefined) return;
      owedMs += (nowMs() - startedMs) / WAITING_SHARE;
      if (pairs > 0 && owedMs < OWED_AT_MOST_MS) continue;
      if (when.isEnding() || (!(await doOwed()) && pairs === 0)) return;
    }
  }

  /** @returns how many pairs were computed; undefined if another sink has the lock */
  async function refreshDue(isEnding: () => boolean): Promise<number | undefined> {
    let pairs = 0;
    for (const width of WIDTHS) {
      // Of the finest first: what is coarser is then computed once. But a backlog of the finest leaves time for the others.
      const endAtMs = nowMs() + WIDTH_AT_MOST_MS;
      for (let done: number | undefined = -1; done !== 0 && nowMs() < endAtMs; pairs += done) {
        if (isEnding()) return pairs;
        done = await refresh(width, "due");
        if (done === undefined) return undefined;
      }
    }
    return pairs;
  }

  async function doOwed(): Promise<boolean> {
    const startedMs = nowMs();
    try {
      return await doWhatCanWait();
    } finally {
      owedMs = Math.max(0, owedMs - (nowMs() - startedMs));
    }
  }
}

/**
 * Four fifths of the time belong to other work of the database: while a backlog drains, its minutes are marked by write after
 * write, and would be computed as often.
 */
const REST_FACTOR = 4;
/** What can wait gets at least one part of so many of the time, in steps that take some tenths of a second. */
const WAITING_SHARE = 4;
const OWED_AT_MOST_MS = 250;
/** So long, at most, one width is computed before the next. */
const WIDTH_AT_MOST_MS = 400;
