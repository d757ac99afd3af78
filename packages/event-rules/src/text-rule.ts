import type { RecordField } from "@fiberstream/schemas/avro-schema";
import type { Fault } from "./fault.ts";
import { isPrintable, shown, typeName, UNPRINTABLE_IN_WORDS } from "./shown-value.ts";
import { missing, type Rule } from "./rule.ts";

/** Creates the rule of a text that is present, from the field's lengths (in characters) and pattern. */
export function textRule(field: RecordField): Rule<string> {
  const { name } = field;
  const check = textCheck(field);
  return (value, faults) => {
    if (typeof value === "string") {
      const fault = check(value);
      if (fault === undefined) return value;
      faults.push(fault);
    } else
      faults.push(value === undefined || value === null ? missing(field) : notText(name, value));
    return "";
  };
}

/** Whether PostgreSQL can store the text: it rejects NUL, and UTF-8 has no lone surrogates. */
export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes("\0");

const notText = (field: string, value: unknown): Fault => ({
  code: "WRONG_TYPE",
  field,
  message: `${field} must be a string, got ${typeName(value)}`,
});

function textCheck(field: RecordField): (text: string) => Fault | undefined {
  const { name, minLength = 0, maxLength = Number.POSITIVE_INFINITY, example } = field;
  const pattern = field.pattern === undefined ? undefined : new RegExp(field.pattern, "u");
  const allowed = lengthsAllowed(minLength, maxLength);
  const badFormat = (must: string): Fault => ({
    code: "BAD_FORMAT",
    field: name,
    message: `${name} must ${must}`,
  });
  return (text) => {
    // UTF-16 units are at least as many as characters, so only a text past the limit needs a count.
    const characters = text.length > maxLength ? charactersIn(text) : text.length;
    if (characters > maxLength) {
      const message = `${name} must be ${allowed}, got ${characters}`;
      return { code: "TOO_LONG", field: name, message };
    }
    // A text of 2 units may be 1 character, but no minimum of ours is above 1.
    if (text.length < minLength) return badFormat(`be ${allowed}, got an empty string`);
    if (minLength > 0 && isBlank(text)) return badFormat("have more than spaces");
    if (pattern !== undefined && !pattern.test(text)) {
      return badFormat(
        `match ${field.pattern ?? ""}, such as ${JSON.stringify(example)}, got ${shown(text)}`,
      );
    }
    if (!isPrintable(text)) return badFormat(`have ${UNPRINTABLE_IN_WORDS}`);
    return undefined;
  };
}

/** Whether the text has only spaces and control characters. */
function isBlank(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > SPACE) return false;
  return true;
}

const SPACE = 0x20;

const lengthsAllowed = (min: number, max: number): string =>
  min > 0 ? `${min} to ${max} characters` : `at most ${max} characters`;

function charactersIn(text: string): number {
  let characters = 0;
  for (let at = 0; at < text.length; characters++)
    at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return characters;
}
