import { isUtf8 } from "node:buffer";
import { visit } from "jsonc-parser";
import { parseKeepingNumbers } from "./exact-numbers.ts";
import { Refusal } from "./refusal.ts";

const BYTE_ORDER_MARK = "\ufeff";

/** The body as text, without a byte order mark (RFC 8259, section 8.1). @throws {Refusal} BAD_ENCODING when it is not UTF-8 */
export function textOf(body: Buffer): string {
  if (!isUtf8(body)) throw new Refusal("BAD_ENCODING", "the body must be UTF-8");
  const text = body.toString("utf8");
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}

/** @throws {Refusal} MALFORMED_JSON with the offset of the first fault */
export function parseJson(text: string): unknown {
  try {
    return parseKeepingNumbers(text);
  } catch {
    throw new Refusal("MALFORMED_JSON", `the body must be JSON, ${whereMalformed(text)}`);
  }
}

/**
 * Where text stops being JSON, in words. JSON.parse tells the place of some faults only, so a second
 * parser looks for it; that it is slower does not matter, malformed bodies are few.
 */
export function whereMalformed(text: string): string {
  if (text.trim() === "") return "got nothing";
  let at: number | undefined;
  try {
    visit(text, { onError: (_code, offset) => (at ??= offset) }, { disallowComments: true });
  } catch {
    // It reads levels by recursion, so that thousands of them are too many for it.
  }
  if (at === undefined) return "it is malformed or nested too deep";
  if (at >= text.length) return `it ends too early, after byte ${Buffer.byteLength(text)}`;
  return `it is malformed at byte ${Buffer.byteLength(text.slice(0, at))}`;
}
