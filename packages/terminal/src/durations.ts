import { InvalidArgumentError } from "commander";

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Parses an option such as 30s, 15m, 24h or 90d; 0 needs no unit. */
export function durationSeconds(text: string): number {
  const [, digits, unit] = /^(\d{1,9})([smhd])$/.exec(text === "0" ? "0s" : text) ?? [];
  const seconds = Number(digits) * (UNIT_SECONDS[unit ?? ""] ?? Number.NaN);
  if (!Number.isNaN(seconds)) return seconds;
  throw new InvalidArgumentError("It must be a number with a unit, such as 30s, 15m, 24h or 90d.");
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Parses an option such as 500ms, 60s, 1.5m or 1h; it must be more than 0. */
export function durationMs(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text.trim()) ?? [];
  const ms = Number(number) * (UNIT_MS[unit ?? ""] ?? Number.NaN);
  if (ms > 0) return ms;
  throw new InvalidArgumentError("It must be a number and a unit, such as 500ms, 60s, 5m or 1h.");
}
