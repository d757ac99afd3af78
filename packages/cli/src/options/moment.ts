import { InvalidArgumentError } from "commander";
import type { Moment } from "../dead-letters/dead-letters.ts";

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const FORMS =
  "It must be a time such as 2026-11-24T12:00:00Z or 2026-11-24T12:00+01:00, a day such as 2026-11-24 (which begins at midnight UTC), or a while ago: 30s, 15m, 6h, 2d.";

/**
 * Parses an option that is a moment: ISO 8601 with a zone, a day, or a duration ago. What could be meant in two ways
 * is refused: a number without a unit, a time without a zone.
 * @throws {InvalidArgumentError} that says which forms there are
 */
export function time(text: string): Moment {
  const [, amount, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (amount !== undefined) {
    const ms = Date.now() - Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS];
    if (ms >= 0) return { text, ms };
    throw new InvalidArgumentError("It is before 1970.");
  }
  if (/^\d+$/.test(text)) {
    throw new InvalidArgumentError(
      `A number needs a unit: ${text}s, ${text}m, ${text}h or ${text}d.`,
    );
  }
  const { micros, problem } = isoTime(text);
  if (micros === undefined) throw new InvalidArgumentError(problem ?? FORMS);
  if (micros % 1_000 !== 0) throw new InvalidArgumentError("It takes milliseconds at the finest.");
  return { text, ms: micros / 1_000 };
}

/**
 * A moment in ISO 8601 (RFC 3339's date and time; the seconds may be left out; a day alone is its midnight in UTC), in
 * microseconds since 1970.
 * @returns `micros`, or `problem`: a sentence, where it is known what is amiss
 */
export function isoTime(text: string): { micros?: number; problem?: string } {
  const parts = ISO.exec(text)?.groups;
  if (parts === undefined) return {};
  const { date = "", clock, fraction = "", zone } = parts;
  const day = Date.parse(`${date}T00:00:00Z`);
  // The engine takes a 31st of November for the 1st of December.
  if (Number.isNaN(day) || new Date(day).toISOString().slice(0, 10) !== date) {
    return { problem: `There is no ${date} in the calendar.` };
  }
  if (clock === undefined) return { micros: day * 1_000 };
  if (zone === undefined) {
    return { problem: "It has no zone: add Z for UTC, or an offset such as +01:00." };
  }
  if (fraction.length > 6) return { problem: "It takes microseconds at the finest." };
  const seconds = secondsOf(clock);
  const ahead = zone === "Z" ? 0 : secondsOf(zone.slice(1)) * (zone.startsWith("-") ? -1 : 1);
  if (Number.isNaN(seconds + ahead)) return { problem: `There is no ${clock}${zone} on a clock.` };
  const micros = Number(fraction.padEnd(6, "0"));
  return { micros: (day / 1_000 + seconds - ahead) * 1_000_000 + micros };
}

const ISO =
  /^(?<date>\d{4}-\d\d-\d\d)(?:[Tt ](?<clock>\d\d:\d\d(?::\d\d)?)(?:\.(?<fraction>\d+))?(?<zone>Z|[+-]\d\d:\d\d)?)?$/;

/** Of `hh:mm` or `hh:mm:ss`; NaN for what no clock shows. */
function secondsOf(clock: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = clock.split(":").map(Number);
  const isShown = hours < 24 && minutes < 60 && seconds < 60;
  return isShown ? hours * 3_600 + minutes * 60 + seconds : Number.NaN;
}
