import { isoTime } from "@fiberstream/conditions/iso-time";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { z } from "zod";

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** No year of a range is outside of what PostgreSQL and JavaScript can hold. */
const [MIN_MS, MAX_MS] = [Date.UTC(1970, 0, 1), Date.UTC(2200, 0, 1)];

const texts = new WeakMap<Date, string>();

/**
 * Returns the parameters with times as they were written, for cursors: `-6h` is another time a second later, but the same
 * question. Pages go back in time, so that the next one needs no other beginning.
 */
export const asWritten = (query: object): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(query).map(([name, value]: [string, unknown]) => [
      name,
      value instanceof Date ? texts.get(value) : value,
    ]),
  );

/**
 * A time in a query: ISO 8601, or an age such as `-6h`. Ages are counted from the beginning of the current second, so
 * that equal questions within a second are equal.
 *
 * @param options.zone what a time without a zone means
 */
export const time = ({ zone }: { zone: "required" | "UTC" } = { zone: "required" }) =>
  z
    .string()
    .max(64)
    .transform((text, context) => {
      const ms = msOf(zone === "UTC" ? withZone(text) : text);
      if (typeof ms === "number" && ms >= MIN_MS && ms <= MAX_MS) {
        const at = new Date(ms);
        texts.set(at, text);
        return at;
      }
      const message = typeof ms === "string" ? ms : "must be between 1970 and 2200";
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    })
    .meta({
      format: "time-or-age",
      description:
        "ISO 8601 with a zone, such as 2026-11-24T12:00:00Z, a day, or an age: -30s, -15m, -6h, -2d, -1w.",
    });

const withZone = (text: string) =>
  /^\d{4}-\d\d-\d\d[Tt ][\d:.]+$/.test(text) ? `${text}Z` : text.replace(/ (?=\d\d:?\d\d$)/, "+");

/** Returns ms since 1970, or what is wrong. */
function msOf(text: string): number | string {
  const [, amount, unit] = /^-(\d{1,9})([smhdw])$/.exec(text) ?? [];
  if (amount !== undefined) {
    const nowMs = Math.floor(wallNowMs() / 1_000) * 1_000;
    return nowMs - Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS];
  }
  const { micros, problem } = isoTime(text);
  if (micros !== undefined) return Math.floor(micros / 1_000);
  return problem ?? "must be a time such as 2026-11-24T12:00:00Z, or an age such as -6h";
}

/** Not \0, which readers of the OpenAPI document in other languages do not know. */
const NUL = "\\u0000";
const WITHOUT_NUL = new RegExp(`^[^${NUL}]*$`);

/** A text of the query that is compared with a column. */
export const shortText = (maxLength: number) =>
  z.string().min(1).max(maxLength).regex(WITHOUT_NUL, "must not have a NUL character");

export const nodeId = shortText(50);

const cursorOf = (maxLength: number) =>
  shortText(maxLength)
    .optional()
    .meta({ format: "cursor", description: "meta.next_cursor of the page before." });
export const cursorParameter = cursorOf(1_000);
/** Of answers from Kafka, with a position in each partition. */
export const longCursorParameter = cursorOf(8_000);

export const conditionParameter = shortText(2_000).optional().meta({
  format: "condition",
  description: 'A condition as of fiber tail --where: latency_ms > 200 and country = "GH".',
});

const wholeOf = (text: unknown): unknown =>
  typeof text === "string" && /^\d{1,15}$/.test(text) ? Number(text) : text;

/** A whole number in a path. */
export const numberInPath = (max: number) =>
  z.preprocess(wholeOf, z.number().int().min(0).max(max));

/** Only digits: Number() would also take an empty text, 0x10, 1e3 and spaces. */
export const wholeNumber = ({
  min,
  max,
  standard,
  tooLarge,
}: Record<"min" | "max" | "standard", number> & { tooLarge?: string }) =>
  z
    .preprocess(wholeOf, z.number().int().min(min).max(max, tooLarge))
    .default(standard)
    // For the OpenAPI document: of what is preprocessed the library leaves `default` out.
    .meta({ standard });

export const nothing = z.strictObject({});
