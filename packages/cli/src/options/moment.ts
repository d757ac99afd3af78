import { isoTime } from "@fiberstream/conditions/iso-time";
import { InvalidArgumentError } from "commander";
import type { Moment } from "@fiberstream/kafka/dead-letters";

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const FORMS =
  "It must be a time such as 2026-11-24T12:00:00Z or 2026-11-24T12:00+01:00, a day such as 2026-11-24 (its midnight in UTC), or an age: 30s, 15m, 6h, 2d.";

/**
 * Parses the time of an option: ISO 8601 with a zone, a day, or an age. Ambiguous texts are rejected: a number
 * without a unit, a time without a zone.
 *
 * @throws {InvalidArgumentError} with the formats that are accepted
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
  if (micros % 1_000 !== 0) throw new InvalidArgumentError("It can have at most milliseconds.");
  return { text, ms: micros / 1_000 };
}
