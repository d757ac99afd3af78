import { isUtf8 } from "node:buffer";
import { visit } from "jsonc-parser";
import { Refusal } from "../answers/refusal.ts";
import { parseKeepingNumbers } from "@fiberstream/event-rules/exact-numbers";

const BYTE_ORDER_MARK = Buffer.from("\ufeff");

/** Returns where the body's text begins: after a byte order mark, if there is one (RFC 8259, section 8.1). */
export const textStart = (body: Buffer): number =>
  body.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;

/**
 * Returns the body as text, without a byte order mark.
 * @throws {Refusal} BAD_ENCODING when it is not UTF-8
 */
export function textOf(body: Buffer): string {
  checkUtf8(body);
  return body.toString("utf8", textStart(body));
}

/** @throws {Refusal} BAD_ENCODING when the body is not UTF-8 */
export function checkUtf8(body: Buffer): void {
  if (!isUtf8(body)) throw new Refusal("BAD_ENCODING", "the body must be UTF-8");
}

/** @throws {Refusal} MALFORMED_JSON with the offset of the first fault */
export function parseJson(text: string): unknown {
  try {
    return parseKeepingNumbers(text);
  } catch {
    throw malformedBody(whereMalformed(text));
  }
}

/** @param where from {@link whereMalformed} */
export const malformedBody = (where: string): Refusal =>
  new Refusal("MALFORMED_JSON", `the body must be JSON, ${where}`);

/**
 * Describes where text stops being JSON.
 *
 * @param inBody converts an offset in the text to one in the body, if the text is only part of it
 */
export function whereMalformed(
  text: string,
  inBody: (byte: number) => number = (byte) => byte,
): string {
  if (text.trim() === "") return "got nothing";
  const at = faultIn(text);
  if (at === undefined) return "it is malformed or nested too deep";
  const byte = inBody(Buffer.byteLength(text.slice(0, at)));
  return at >= text.length
    ? `it ends too early, after byte ${byte}`
    : `it is malformed at byte ${byte}`;
}

/**
 * Returns the index at which text stops being JSON; the text's length if it ends too early. JSON.parse reports the
 * position of some faults only, so a second parser searches for it, in no more than the bytes of an event.
 */
export function faultIn(text: string): number | undefined {
  let at: number | undefined;
  try {
    visit(text, { onError: (_code, offset) => (at ??= offset) }, { disallowComments: true });
  } catch {
    // The parser is recursive, so that thousands of levels overflow its stack.
  }
  return at === undefined ? undefined : Math.min(at, text.length);
}
