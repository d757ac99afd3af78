const SHOWN_CHARACTERS = 40;

/** Returns a sender's value for a message to that sender: as JSON, shortened between two characters. */
export function shown(value: string | number): string {
  const text = JSON.stringify(value);
  if (text.length <= SHOWN_CHARACTERS) return escapeUnprintable(text);
  const start = text.slice(0, SHOWN_CHARACTERS).replace(/[\ud800-\udbff]$/, "");
  return `${escapeUnprintable(start)}…`;
}

/** Returns the JSON type of a value. */
export function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/**
 * Characters that a name must not have: terminals obey control characters, bidirectional characters and line separators
 * change how the text around the name is shown, and UTF-8 has no lone surrogates.
 */
const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029\p{Cs}]/u;
/** The same as a class for a JSON Schema's pattern, whose dialect may have no Unicode properties. */
export const UNPRINTABLE_CLASS =
  "\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069";
export const UNPRINTABLE_IN_WORDS =
  "no NUL or other control character, no bidirectional one and no lone surrogate";

export const isPrintable = (text: string): boolean => !UNPRINTABLE.test(text);

const ALL_UNPRINTABLE = new RegExp(UNPRINTABLE, "gu");

/** Returns JSON in which such characters are escaped. */
const escapeUnprintable = (json: string): string =>
  json.replaceAll(
    ALL_UNPRINTABLE,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
