import type { Ask } from "../questions/ask.ts";
import { ownStatement } from "../questions/statement.ts";
import type { Edges } from "./edges.ts";
import type { Resolution } from "./resolution.ts";

/** Whether some roll-up of a range waits to be computed, because events came late. */
export async function isPending(
  ask: Ask,
  { from, to, width }: Resolution,
  edges: Edges,
): Promise<boolean> {
  // What is younger comes from finer roll-ups and from rows.
  const end = new Date(Math.min(to.getTime(), edges.edgeOf(width)));
  if (end <= from) return false;
  // It says nothing about a tenant's events.
  const [row] = await ask<{ pending: boolean }>(
    ownStatement(
      ({ value }) =>
        `SELECT rollup_is_pending(${value(from)}::timestamptz, ${value(end)}::timestamptz) AS pending`,
    ),
  );
  return row?.pending ?? false;
}

/** The gateway accepts nothing older, by default. What is older changes by an import or an erasure only. */
const SETTLED_MS = 8 * 86_400_000;
/** How long an answer about the past is used without asking again, which an import or an erasure may make wrong. */
const PAST_MAX_AGE_S = 3_600;

/** Returns how long an answer may be used: half a step if its last bucket is open, an hour if the range is long past. */
export function cachingOf(
  { to, stepMs }: Resolution,
  { nowMs, isPending: pending }: { nowMs: number; isPending: boolean },
): Record<string, string> {
  if (pending) return {};
  if (to.getTime() < nowMs - SETTLED_MS) {
    return { "Cache-Control": `private, max-age=${PAST_MAX_AGE_S}, immutable` };
  }
  const seconds = Math.min(60, Math.floor(stepMs / 2_000));
  return { "Cache-Control": `private, max-age=${seconds}, stale-while-revalidate=${seconds}` };
}
