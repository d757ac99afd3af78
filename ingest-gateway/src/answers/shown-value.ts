const SHOWN_CHARACTERS = 40;

/** A value of the sender's own as a message repeats it to the sender: JSON, cut short between two characters. */
export function shown(value: string | number): string {
  const text = JSON.stringify(value);
  if (text.length <= SHOWN_CHARACTERS) return escapeUnprintable(text);
  const start = text.slice(0, SHOWN_CHARACTERS).replace(/[\ud800-\udbff]$/, "");
  return `${escapeUnprintable(start)}…`;
}

/** The JSON type of a value. */
export function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/**
 * What a name must not have: a terminal obeys control characters, bidirectional ones and line separators
 * turn around or break what is shown beside the name, and UTF-8 has no halves of a surrogate pair.
 */
const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029\p{Cs}]/u;
/** The same as a class of a JSON Schema's pattern, whose dialect may know no properties. */
export const UNPRINTABLE_CLASS =
  "\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069";
export const UNPRINTABLE_IN_WORDS =
  "no NUL or other control character, no bidirectional one and no lone surrogate";

export const isPrintable = (text: string): boolean => !UNPRINTABLE.test(text);

const ALL_UNPRINTABLE = new RegExp(UNPRINTABLE, "gu");

/** JSON in which such characters are escapes. */
const escapeUnprintable = (json: string): string =>
  json.replaceAll(
    ALL_UNPRINTABLE,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
