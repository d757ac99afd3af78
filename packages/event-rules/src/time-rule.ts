import type { RecordField } from "@fiberstream/schemas/avro-schema";
import { shown, typeName } from "./shown-value.ts";
import { missing, type TimedRule } from "./rule.ts";
import { microsOfTimestamp } from "./timestamp.ts";

/** Creates the rule of the time of measurement, in microseconds since 1970: it must not be missing, malformed, or too far from now. */
export function timeRule(
  field: RecordField,
  bounds: { maxAgeMs: number; maxAheadMs: number; clock?: string },
): TimedRule<number> {
  const { name } = field;
  const maxAgeMicros = bounds.maxAgeMs * 1_000;
  const maxAheadMicros = bounds.maxAheadMs * 1_000;
  const example = JSON.stringify("2026-11-05T12:34:56.123456Z");
  const tooOld = `is older than ${durationOf(bounds.maxAgeMs)}, past which events are not stored: drop it`;
  const ahead = `is more than ${durationOf(bounds.maxAheadMs)} in the future: set the probe's clock`;
  const form = `must be ISO 8601 with seconds and with Z or an offset, such as ${example}`;

  return (value, faults, receivedAtMicros) => {
    if (typeof value !== "string") {
      if (value === undefined || value === null)
        faults.push({ ...missing(field), message: `${name} is required, such as ${example}` });
      else
        faults.push({
          code: "WRONG_TYPE",
          field: name,
          message: `${name} ${form}, got ${typeName(value)}`,
        });
      return 0;
    }
    const micros = microsOfTimestamp(value);
    if (micros === undefined) {
      faults.push({
        code: "BAD_FORMAT",
        field: name,
        message: `${name} ${form}, got ${shown(value)}`,
      });
      return 0;
    }
    if (micros < receivedAtMicros - maxAgeMicros) {
      const message = `${name} ${shown(value)} ${tooOld}${here(bounds, receivedAtMicros)}`;
      faults.push({ code: "TOO_OLD", field: name, message });
    } else if (micros > receivedAtMicros + maxAheadMicros) {
      const message = `${name} ${shown(value)} ${ahead}${here(bounds, receivedAtMicros)}`;
      faults.push({ code: "IN_THE_FUTURE", field: name, message });
    }
    return micros;
  };
}

/** Shows a sender whose clock is wrong by how much it is off. */
const here = ({ clock = "the gateway's clock" }: { clock?: string }, nowMicros: number): string =>
  ` (${clock} shows ${new Date(Math.floor(nowMicros / 1_000)).toISOString()})`;

const UNITS = [
  [86_400_000, "day"],
  [3_600_000, "hour"],
  [60_000, "minute"],
  [1_000, "second"],
  [1, "millisecond"],
] as const;

/** Returns a duration in the largest unit that divides it. */
function durationOf(ms: number): string {
  const [unitMs, unit] = UNITS.find(([candidateMs]) => ms > 0 && ms % candidateMs === 0) ?? [
    1,
    "millisecond",
  ];
  const count = ms / unitMs;
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
