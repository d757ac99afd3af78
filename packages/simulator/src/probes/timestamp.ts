let cachedSecond = -1;
let cachedText = "";

/**
 * Returns a time in ISO 8601 in UTC, with six fractional digits (Date has three).
 * @param micros us since 1970
 */
export function timestampOf(micros: number): string {
  const second = Math.floor(micros / 1_000_000);
  if (second !== cachedSecond) {
    cachedSecond = second;
    cachedText = new Date(second * 1_000).toISOString().slice(0, 19);
  }
  const fraction = Math.round(micros - second * 1_000_000);
  return `${cachedText}.${String(fraction).padStart(6, "0")}Z`;
}

/** Returns the current time in us since 1970, by a clock that is monotonic within the process. */
export const nowMicros = (): number =>
  Math.floor((performance.timeOrigin + performance.now()) * 1_000);
