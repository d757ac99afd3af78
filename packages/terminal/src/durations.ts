import { InvalidArgumentError } from "commander";

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Parses an option such as 30s, 15m, 24h or 90d; 0 needs no unit. */
export function durationSeconds(text: string): number {
  const [, digits, unit] = /^(\d{1,9})([smhd])$/.exec(text === "0" ? "0s" : text) ?? [];
  const seconds = Number(digits) * (UNIT_SECONDS[unit ?? ""] ?? Number.NaN);
  if (!Number.isNaN(seconds)) return seconds;
  throw new InvalidArgumentError("It must be a number with a unit, such as 30s, 15m, 24h or 90d.");
}
