/**
 * Parses a time in ISO 8601 (RFC 3339, where the seconds may be left out; a day alone is its midnight in UTC).
 *
 * @returns `micros` since 1970, or `problem`: a sentence with the reason, if it is known
 */
export function isoTime(text: string): { micros?: number; problem?: string } {
  const parts = ISO.exec(text)?.groups;
  if (parts === undefined) return {};
  const { date = "", clock, fraction = "", zone } = parts;
  const day = Date.parse(`${date}T00:00:00Z`);
  // JavaScript parses the 31st of November as the 1st of December.
  if (Number.isNaN(day) || new Date(day).toISOString().slice(0, 10) !== date) {
    return { problem: `The date ${date} does not exist.` };
  }
  if (clock === undefined) return { micros: day * 1_000 };
  if (zone === undefined) {
    return { problem: "It has no time zone: add Z for UTC, or an offset such as +01:00." };
  }
  if (fraction.length > 6) return { problem: "It can have at most microseconds." };
  const seconds = secondsOf(clock);
  const ahead = zone === "Z" ? 0 : secondsOf(zone.slice(1)) * (zone.startsWith("-") ? -1 : 1);
  if (Number.isNaN(seconds + ahead)) return { problem: `The time ${clock}${zone} does not exist.` };
  const micros = Number(fraction.padEnd(6, "0"));
  return { micros: (day / 1_000 + seconds - ahead) * 1_000_000 + micros };
}

const ISO =
  /^(?<date>\d{4}-\d\d-\d\d)(?:[Tt ](?<clock>\d\d:\d\d(?::\d\d)?)(?:\.(?<fraction>\d+))?(?<zone>Z|[+-]\d\d:\d\d)?)?$/;

/** Returns the seconds of `hh:mm` or `hh:mm:ss`; NaN if that time does not exist. */
function secondsOf(clock: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = clock.split(":").map(Number);
  const isValid = hours < 24 && minutes < 60 && seconds < 60;
  return isValid ? hours * 3_600 + minutes * 60 + seconds : Number.NaN;
}
