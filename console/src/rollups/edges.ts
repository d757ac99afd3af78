import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import type { Ask } from "../questions/ask.ts";
import { forEverybody } from "../questions/asking.ts";
import { ownStatement } from "../questions/statement.ts";
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
    // The same for everybody: it says nothing about a tenant's events.
    const waiting = ownStatement(({ value }) =>
      firstWaiting({
        widths: value(WIDTHS.map(({ ms }) => ms / MINUTE_MS)),
        // Of each width so many as a lag may have left.
        since: value(WIDTHS.map(({ ms }) => Math.ceil((nowMs - ms - MAX_LAG_MS) / MINUTE_MS))),
      }),
    );
    const found = await ask<First>(waiting);
    const firstOf = (width: Width) =>
      Math.min(
        ...found
          .filter(({ width_min: minutes }) => minutes * MINUTE_MS === width.ms)
          .map(({ first }) => first * MINUTE_MS),
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
      const edges = forEverybody(read);
      known = { atMs, edges };
      edges.catch(() => (known = undefined));
    }
    return known.edges;
  };
}

type First = { readonly width_min: number; readonly first: number };

/** So many pairs of node and bucket are searched at most, which takes some hundredths of a second. */
const MAX_SEARCHED_PAIRS = 100_000;

/**
 * Returns SQL for the first bucket of each width that waits, of those from `since` on. A mark may have older buckets, too, if late
 * rows came in the same write as others: then its buckets are searched; if these are too many, the first of the time counts.
 */
const firstWaiting = ({ widths, since }: { widths: string; since: string }) => `
  SELECT width_min, min(first)::double precision AS first
  FROM (
    SELECT width_min,
           CASE
             WHEN first_minute >= since THEN first_minute
             WHEN sum(pairs) FILTER (WHERE first_minute < since) OVER (ORDER BY id) <= ${MAX_SEARCHED_PAIRS}
               THEN (SELECT min(minute) FROM unnest(minutes) AS minute WHERE minute >= since)
             ELSE since
           END AS first
    FROM rollup_marks
    JOIN unnest(${widths}::integer[], ${since}::integer[]) AS young (width_min, since) USING (width_min)
    WHERE last_minute >= since
  ) AS marks
  GROUP BY width_min`;

const floor = (ms: number, stepMs: number) => Math.floor(ms / stepMs) * stepMs;
