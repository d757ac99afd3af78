import type { RecordField } from "@fiberstream/schemas/avro-schema";
import type { Fault } from "./fault.ts";
import { EVENT_LIMITS } from "./event-limits.ts";
import { typeName } from "./shown-value.ts";
import { asWritten, markedNumber, textAsWritten } from "./exact-numbers.ts";
import type { Rule } from "./rule.ts";
import { isStorable } from "./text-rule.ts";

/**
 * Creates the rule of a free JSON object: it returns the object's text, with numbers as they were written. It rejects what
 * JSONB cannot store, so that a row does not fail later.
 *
 * @param limits.maxBytes of the object as JSON text without white space
 */
export function metadataRule(
  field: RecordField,
  limits: { maxBytes: number },
): Rule<string | null> {
  const { name, maxDepth = 1 } = field;
  const { maxBytes } = limits;
  const fault = (code: "WRONG_TYPE" | "BAD_FORMAT" | "TOO_LONG", must: string): Fault => ({
    code,
    field: name,
    message: `${name} must ${must}`,
  });

  /** By now, in the metadata that is being checked. */
  let numbersAsWritten = 0;

  function whatMustHold(inner: unknown, levelsLeft: number): string | undefined {
    if (typeof inner === "string") {
      if (isStorable(inner)) return undefined;
      const number = markedNumber(inner);
      if (number === undefined) return UNSTORABLE;
      if (++numbersAsWritten > EVENT_LIMITS.metadataNumbersAsWritten) return TOO_MANY_NUMBERS;
      return whatNumberMust(Number(number));
    }
    // A number past 1.8e308 has become infinite, of which JSON would make null.
    if (typeof inner === "number") return Number.isFinite(inner) ? undefined : INFINITE;
    if (typeof inner !== "object" || inner === null) return undefined;
    if (levelsLeft === 0) return `be at most ${maxDepth} levels deep`;
    if (Array.isArray(inner)) {
      for (const item of inner) {
        const must = whatMustHold(item, levelsLeft - 1);
        if (must !== undefined) return must;
      }
      return undefined;
    }
    for (const key in inner) {
      const must =
        (isStorable(key) ? undefined : UNSTORABLE) ??
        whatMustHold((inner as Record<string, unknown>)[key], levelsLeft - 1);
      if (must !== undefined) return must;
    }
    return undefined;
  }

  return (value, faults) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      faults.push(fault("WRONG_TYPE", `be a JSON object, got ${typeName(value)}`));
      return null;
    }
    const written = asWritten(value);
    numbersAsWritten = 0;
    const broken = whatMustHold(written, maxDepth);
    if (broken !== undefined) {
      faults.push(fault("BAD_FORMAT", broken));
      return null;
    }
    const text = written === value ? JSON.stringify(value) : textAsWritten(written);
    const bytes = Buffer.byteLength(text);
    if (bytes > maxBytes) {
      faults.push(fault("TOO_LONG", `be at most ${maxBytes} bytes as JSON, got ${bytes}`));
    }
    return text;
  };
}

/** Checks a number that is stored as it was written, by its value as a double. */
const whatNumberMust = (double: number): string | undefined =>
  double === 0 ? TOO_SMALL : Number.isFinite(double) ? undefined : INFINITE;

const UNSTORABLE = "have no NUL character and no lone surrogate in its strings";
const TOO_MANY_NUMBERS = `have at most ${EVENT_LIMITS.metadataNumbersAsWritten} numbers that have 16 digits or more, or an exponent of -100 or less: send them as strings`;
const INFINITE = "have no number beyond 1.8e308";
/** JSONB would store 1e-16000, and return it as 16,000 digits. */
const TOO_SMALL = "have no number but 0 that is nearer to 0 than 5e-324";
