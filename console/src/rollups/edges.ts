import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import type { Ask } from "../questions/ask.ts";
import { platformStatement } from "../questions/statement.ts";
import { type Width, WIDTHS } from "./resolution.ts";

/** Up to when the roll-ups can be read; what is younger is read from finer ones, and in the end from rows. */
export type Edges = {
  readonly nowMs: number;
  /** Up to when the minutes are there. */
  readonly minuteMs: number;
  /** Up to when the buckets of a width are there. */
  readonly edgeOf: (width: Width) => number;
};
export type ReadEdges = () => Promise<Edges>;

const MINUTE_MS = 60_000;
/** A minute is usually rolled up some seconds after its end. */
const FRESH_AFTER_MS = 15_000;
/** If the roll-ups lag, so much is read from rows instead; what is older counts as not complete. */
const MAX_LAG_MS = 15 * MINUTE_MS;
/** Many questions of one second are answered by the same edges. */
const KEEP_MS = 1_000;

/** Reads which of the youngest buckets wait to be computed. */
export function createReadEdges(ask: Ask): ReadEdges {
  let known: { readonly atMs: number; readonly edges: Promise<Edges> } | undefined;

  const read = async (): Promise<Edges> => {
    const nowMs = wallNowMs();
    const oldest = Math.max(...WIDTHS.map(({ ms }) => ms)) + MAX_LAG_MS;
    // The same for everybody: it says nothing about a tenant's events.
    const waiting = platformStatement(
      { tenants: "all" },
      ({ value }) =>
        `SELECT width_min, first_minute FROM rollup_marks
         WHERE first_minute >= ${value(Math.floor((nowMs - oldest) / MINUTE_MS))} GROUP BY width_min, first_minute`,
    );
    const marks =
      waiting === undefined ? [] : await ask<{ width_min: number; first_minute: number }>(waiting);
    /** The youngest ones of a width: of each width so many as a lag may have left. */
    const firstOf = (width: Width) =>
      Math.min(
        ...marks
          .filter(({ width_min: minutes }) => minutes * MINUTE_MS === width.ms)
          .map(({ first_minute: minute }) => minute * MINUTE_MS)
          .filter((ms) => ms >= nowMs - width.ms - MAX_LAG_MS),
      );
    const edgeOf = (width: Width) =>
      floor(
        Math.min(nowMs - FRESH_AFTER_MS, ...WIDTHS.filter(({ ms }) => ms <= width.ms).map(firstOf)),
        width.ms,
      );
    return { nowMs, minuteMs: edgeOf(WIDTHS[0]), edgeOf };
  };

  return () => {
    const atMs = performance.now();
    if (known === undefined || atMs - known.atMs > KEEP_MS) {
      const edges = read();
      known = { atMs, edges };
      edges.catch(() => (known = undefined));
    }
    return known.edges;
  };
}

const floor = (ms: number, stepMs: number) => Math.floor(ms / stepMs) * stepMs;
