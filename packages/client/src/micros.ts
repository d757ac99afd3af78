/**
 * Returns a record's time as text, with microseconds: "2026-11-24T12:00:00.123456Z".
 * @param micros microseconds since 1970
 */
export function isoOf(micros: number): string {
  const millis = Math.floor(micros / 1_000);
  const rest = String(micros - millis * 1_000).padStart(3, "0");
  return new Date(millis).toISOString().replace("Z", `${rest}Z`);
}

/**
 * Parses a time; the inverse of `isoOf`. The time may also have milliseconds or whole seconds.
 * @param time ISO 8601 with Z or an offset, or a Date
 * @returns microseconds since 1970; NaN if it is not a time
 */
export function microsOf(time: string | Date): number {
  if (time instanceof Date) return time.getTime() * 1_000;
  const fraction = /\.(\d{1,9})/.exec(time)?.[1] ?? "";
  const whole = Date.parse(time.replace(/\.\d+/, ""));
  return whole * 1_000 + Number(fraction.padEnd(6, "0").slice(0, 6));
}
