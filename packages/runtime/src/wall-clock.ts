/** The time of day in ms since 1970, for timestamps and expiry. It can be set: durations are not for it. */
export const wallNowMs = (): number => Date.now();

/**
 * The time in ms since 1970 with fractions, for spans that take less than one. `Date.now()` has none, and
 * `performance.timeOrigin` does not follow a clock that is set: it is left as soon as it is 2 ms away.
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
