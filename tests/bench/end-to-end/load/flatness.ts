import { trendOf } from "../../harness/trend.ts";

/** A lag that grows by more than this share of the rate will not end. */
const MOST_GROWTH = 0.01;
/** What may wait at any time, in seconds of the rate: a checkpoint of the database takes as long. */
const MOST_WAITING_SECONDS = 2;

/**
 * Whether a lag stays where it is.
 *
 * @param lag seconds, and events that have no row yet
 */
export function isFlat(
  lag: readonly (readonly [number, number])[],
  eventsPerSecond: number,
): boolean {
  const { slope, slopeError } = trendOf(lag);
  const later = lag.slice(lag.length >> 1).map(([, events]) => events);
  return (
    slope - slopeError <= MOST_GROWTH * eventsPerSecond &&
    Math.max(...later) <= MOST_WAITING_SECONDS * eventsPerSecond
  );
}
