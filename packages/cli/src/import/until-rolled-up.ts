import { setTimeout as delay } from "node:timers/promises";
import { type PgPool, query } from "@fiberstream/postgres/pool";

/** Waits while the worker of the roll-ups is behind; not any longer once `stopping` is aborted. */
export type UntilRolledUp = (stopping: AbortSignal) => Promise<void>;

const POLL_INTERVAL_MS = 500;
const MAX_DUE_MARKS = 1_000;

/**
 * Returns a function that waits while more than 1,000 marks are due, so that the minutes of live traffic do not wait for
 * those of the past. Marks of buckets that have not ended wait for their end, and not for the worker.
 *
 * @param options.onWaiting called once for each such wait, with the number of marks
 */
export function createUntilRolledUp(options: {
  pool: PgPool;
  onWaiting: (marks: number) => void;
  maxDueMarks?: number;
}): UntilRolledUp {
  const { pool, onWaiting, maxDueMarks = MAX_DUE_MARKS } = options;
  return async (stopping) => {
    for (let isFirst = true; !stopping.aborted; isFirst = false) {
      const [due] = await query<{ marks: number }>(pool, COUNT_DUE);
      const marks = due?.marks ?? 0;
      if (marks <= maxDueMarks) return;
      if (isFirst) onWaiting(marks);
      await delay(POLL_INTERVAL_MS, undefined, { signal: stopping }).catch(() => undefined);
    }
  };
}

/** Returns what an operator should know about a wait. */
export const rollUpsAreBehind = (marks: number): string =>
  `waits: ${marks} marks of the roll-ups are due, and a running sink-writer computes them. If none runs, start one\n`;

const COUNT_DUE = `
  SELECT coalesce(max(marks), 0)::float8 AS marks
  FROM (SELECT count(*) AS marks FROM rollup_marks WHERE due_at <= now() GROUP BY width_min) AS due`;
