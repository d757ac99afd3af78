import { type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";

/** A worker that many marks wait for is behind; an import then waits for it. */
export const MAX_WAITING_MARKS = 1_000;

/**
 * Returns whether the database keeps roll-ups.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function hasRollUps(on: PgPool | PgClient): Promise<boolean> {
  const [found] = await query<{ has: boolean }>(on, HAS_ROLL_UPS);
  return found?.has === true;
}

/**
 * Returns for how many marks the worker of the roll-ups has work.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function waitingMarks(on: PgPool | PgClient): Promise<number> {
  const [found] = await query<{ marks: number }>(on, COUNT_MARKS);
  return found?.marks ?? 0;
}

const HAS_ROLL_UPS = `
  SELECT to_regprocedure('rollup_mark(text[], timestamptz[])') IS NOT NULL AS has`;

const COUNT_MARKS = `SELECT coalesce(max(marks), 0)::float8 AS marks FROM rollup_progress`;
