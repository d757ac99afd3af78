import { trendOf } from "../../harness/trend.ts";

/** A lag that grows by more than this share of the rate is not flat. */
const MAX_GROWTH = 0.01;
/** The lag that is allowed at any time, in seconds of the rate: a checkpoint of the database takes as long. */
const MAX_LAG_SECONDS = 2;

/**
 * Returns whether a lag does not grow.
 *
 * @param lag time in seconds, and events that have no row yet
 */
export function isFlat(
  lag: readonly (readonly [number, number])[],
  eventsPerSecond: number,
): boolean {
  const { slope, slopeError } = trendOf(lag);
  const later = lag.slice(lag.length >> 1).map(([, events]) => events);
  return (
    slope - slopeError <= MAX_GROWTH * eventsPerSecond &&
    Math.max(...later) <= MAX_LAG_SECONDS * eventsPerSecond
  );
}
