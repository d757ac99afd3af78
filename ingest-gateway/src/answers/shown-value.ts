import { escapeUnprintable } from "./unprintable.ts";

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
