/** The time in ms since 1970, for timestamps and expiry. Not for durations, because the clock can be set. */
export const wallNowMs = (): number => Date.now();

/**
 * The time in ms since 1970 with fractions, for spans shorter than 1 ms. `Date.now()` has no fractions, and
 * `performance.timeOrigin` does not follow a clock that is set, so the offset is recomputed when it is 2 ms off.
 */
export function createWallClock(): () => number {
  let offsetMs = performance.timeOrigin;
  return () => {
    const elapsedMs = performance.now();
    const wallMs = Date.now();
    if (Math.abs(offsetMs + elapsedMs - wallMs) > 2) offsetMs = wallMs - elapsedMs;
    return offsetMs + elapsedMs;
  };
}
