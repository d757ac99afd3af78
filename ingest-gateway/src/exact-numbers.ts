import { randomUUID } from "node:crypto";
import { inexactTokens } from "./inexact-tokens.ts";

/**
 * JSON.parse of an event, which also remembers how numbers in its metadata were written that a double may change:
 * then the text is parsed once more, with those numbers as strings behind a mark. (A reviver that is told each
 * number's source costs 1 us for each value of the text.)
 */
export function parseKeepingNumbers(text: string): unknown {
  const event: unknown = JSON.parse(text);
  const marked = textWithMarks(text);
  if (marked !== undefined) remember(event, JSON.parse(marked));
  return event;
}

/** The same for a list of events. */
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

/** Before it there is no metadata; -1: there is none. A key may also be written with escapes. */
const beginOfMetadata = (text: string): number =>
  text.includes("\\u") ? 0 : text.indexOf('"metadata"');

/** Behind a NUL, which no text of a sender's may have, and nobody can know the rest. */
const SECRET = randomUUID();
const MARK = `\0${SECRET}`;
const MARK_IN_JSON = `"\\u0000${SECRET}`;
const MARKED_NUMBER = new RegExp(`"\\\\u0000${SECRET}([-+.\\deE]+)"`, "g");

/** @returns undefined where there is no such number, or no metadata */
function textWithMarks(text: string): string | undefined {
  const metadataFrom = beginOfMetadata(text);
  if (metadataFrom === -1) return undefined;
  let marked = "";
  let copiedTo = 0;
  for (const { start, end } of inexactTokens(text)) {
    // Those of other fields are doubles, and many have 17 digits.
    if (start < metadataFrom) continue;
    const number = text.slice(start, end);
    // A zero is a zero, whatever its exponent.
    if (!/^[^eE]*[1-9]/.test(number)) continue;
    marked += `${text.slice(copiedTo, start)}${MARK_IN_JSON}${number}"`;
    copiedTo = end;
  }
  return copiedTo === 0 ? undefined : marked + text.slice(copiedTo);
}

/** By an event's metadata: the same with marks. */
const withMarks = new WeakMap<object, object>();

function metadataOf(event: unknown): object | undefined {
  const { metadata } = (event ?? {}) as { readonly metadata?: unknown };
  return typeof metadata === "object" && metadata !== null ? metadata : undefined;
}

/** Metadata with its numbers as they were written, each as a string behind a mark; or as it is. */
export const asWritten = (metadata: object): object => withMarks.get(metadata) ?? metadata;

/** The number's text of a marked string; undefined of any other. */
export const markedNumber = (text: string): string | undefined =>
  text.startsWith(MARK) ? text.slice(MARK.length) : undefined;

/** JSON.stringify of what `asWritten` has returned, with its numbers as they were written. */
export const textAsWritten = (metadata: object): string =>
  JSON.stringify(metadata).replaceAll(MARKED_NUMBER, "$1");
