import { randomBytes } from "node:crypto";
import { inexactTokens } from "./inexact-tokens.ts";

/**
 * Parses an event with JSON.parse, and remembers the text of those numbers in its metadata that a double may change: the
 * event is parsed once more, with these numbers as strings after a mark. (A reviver with access to the source text costs
 * 1 us for each value.)
 */
export function parseKeepingNumbers(text: string): unknown {
  const event: unknown = JSON.parse(text);
  const marked = textWithMarks(text);
  if (marked !== undefined) remember(event, JSON.parse(marked));
  return event;
}

/** Does the same for a list of events. */
export function parseListKeepingNumbers(text: string): readonly unknown[] {
  const events = JSON.parse(text) as readonly unknown[];
  const marked = textWithMarks(text);
  if (marked === undefined) return events;
  const markedEvents = JSON.parse(marked) as readonly unknown[];
  for (const [at, event] of events.entries()) remember(event, markedEvents[at]);
  return events;
}

function remember(event: unknown, markedEvent: unknown): void {
  const metadata = metadataOf(event);
  const markedMetadata = metadataOf(markedEvent);
  if (metadata && markedMetadata) withMarks.set(metadata, markedMetadata);
}

/** Returns the first position where metadata may begin; -1: there is none. A key may also be written with escapes. */
const beginOfMetadata = (text: string): number =>
  text.includes("\\u") ? 0 : text.indexOf('"metadata"');

/** The mark is a NUL, which no text of a sender may have, and a random part that nobody can guess; short, as an event may have many. */
const SECRET = randomBytes(6).toString("base64url");
const MARK = `\0${SECRET}`;
const MARK_IN_JSON = `"\\u0000${SECRET}`;
const MARKED_NUMBER = new RegExp(`"\\\\u0000${SECRET}([-+.\\deE]+)"`, "g");

/** @returns undefined if there is no such number, or no metadata */
function textWithMarks(text: string): string | undefined {
  const metadataFrom = beginOfMetadata(text);
  if (metadataFrom === -1) return undefined;
  let marked = "";
  let copiedTo = 0;
  for (const { start, end } of inexactTokens(text)) {
    // Numbers of other fields are doubles, and many have 17 digits.
    if (start < metadataFrom) continue;
    const number = text.slice(start, end);
    // A zero stays a zero, whatever its exponent.
    if (!/^[^eE]*[1-9]/.test(number)) continue;
    marked += `${text.slice(copiedTo, start)}${MARK_IN_JSON}${number}"`;
    copiedTo = end;
  }
  return copiedTo === 0 ? undefined : marked + text.slice(copiedTo);
}

/** An event's metadata with marks, by the metadata without. */
const withMarks = new WeakMap<object, object>();

function metadataOf(event: unknown): object | undefined {
  const { metadata } = (event ?? {}) as { readonly metadata?: unknown };
  return typeof metadata === "object" && metadata !== null ? metadata : undefined;
}

/** Returns metadata whose numbers are strings after a mark, as they were written; or the metadata itself. */
export const asWritten = (metadata: object): object => withMarks.get(metadata) ?? metadata;

/** Returns the number's text of a marked string; undefined for other strings. */
export const markedNumber = (text: string): string | undefined =>
  text.startsWith(MARK) ? text.slice(MARK.length) : undefined;

/** Returns the JSON of what `asWritten` has returned, with numbers as they were written. */
export const textAsWritten = (metadata: object): string =>
  JSON.stringify(metadata).replaceAll(MARKED_NUMBER, "$1");
