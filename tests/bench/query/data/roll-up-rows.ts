import { createPool } from "@fiberstream/postgres/pool";
import { createLog } from "@fiberstream/runtime/log";
import { createRollUp } from "@fiberstream/sink-writer/rollups/roll-up";
import type { Progress } from "../../harness/progress.ts";
import type { DataSpan } from "./plan.ts";

/**
 * Lets the sink's own worker compute the roll-ups of all rows, as it does for rows that were there before the roll-ups were.
 * @throws {Error} when something is left to be computed
 */
export async function rollUpRows(
  databaseUrl: string,
  { span: { from, to }, progress }: { span: DataSpan; progress: Progress },
): Promise<void> {
  const log = createLog({ service: "bench", level: "error", format: "json" });
  const pool = createPool({ databaseUrl, applicationName: "bench", maxConnections: 2, log });
  try {
    const failures: number[] = [];
    const rollUp = createRollUp({
      pool,
      metrics: { rolledUp: () => undefined, failed: () => failures.push(performance.now()) },
      nowMs: () => performance.now() / PATIENCE,
    });
    progress.step(
      "computing the roll-ups, from the newest rows to the oldest",
      (to.getTime() - from.getTime()) / 60_000,
    );
    const watch = setInterval(
      () =>
        void pool
          .query<{ done: number }>(MINUTES_DONE, [to])
          .then(({ rows }) => progress.done(rows[0]?.done ?? 0))
          .catch(() => undefined),
      1_000,
    );
    try {
      await rollUp({ forMs: Number.POSITIVE_INFINITY });
    } finally {
      clearInterval(watch);
    }
    const { rows } = await pool.query<{ left: number }>(LEFT);
    if (rows[0]?.left !== 0) {
      throw new Error(
        `${rows[0]?.left ?? "some"} roll-ups were not computed (${failures.length} failures)`,
      );
    }
  } finally {
    await pool.end();
  }
}

/**
 * The worker's transactions may take so many times longer than beside a sink: with other work on the machine they would become
 * so small that planning them costs more than they do.
 */
const PATIENCE = 10;

const MINUTES_DONE = `
  SELECT (extract(epoch FROM $1::timestamptz - greatest(backfilled_from, backfill_to)) / 60)::float8 AS done
  FROM rollup_state`;
const LEFT = `
  SELECT ((SELECT count(*) FROM rollup_marks WHERE due_at <= now()) + (SELECT count(*) FROM rollup_unmarked)
          + (SELECT count(*) FROM rollup_state WHERE backfilled_from > backfill_to)
          + abs((SELECT count(*) FROM metrics) - (SELECT sum(events) FROM rollup_region_1d)))::float8 AS left`;
