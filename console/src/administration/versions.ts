import { hash } from "node:crypto";
import { z } from "zod";
import { type Answer, jsonAnswer } from "../answers/answer.ts";
import { Refusal } from "../answers/refusal.ts";

/** A version, or the ETag of an answer with it. */
const VERSION = String.raw`^"([\w-]{16})(?:-[\w-]+)?"$`;
const VERSION_CHARACTERS = 16;

/** Returns what is equal as long as the values are: 96 bits of their hash. */
export const versionOf = (values: unknown): string =>
  hash("sha256", JSON.stringify(values), "base64url").slice(0, VERSION_CHARACTERS);

/** The header of a change. Without it the answer is 428 and not 422, so the check does not require it. */
export const ifMatch = z.object({
  "if-match": z.string().max(200).optional().meta({ isRequired: true, pattern: VERSION }),
});

/** @throws {Refusal} REVISION_REQUIRED */
export function versionIn(header: string | undefined): string {
  const [, version] = new RegExp(VERSION).exec(header?.trim() ?? "") ?? [];
  if (version !== undefined) return version;
  throw new Refusal(
    "REVISION_REQUIRED",
    "send If-Match with the ETag of what is to be changed, or its version in quotes",
  );
}

/** @throws {Refusal} REVISION_CHANGED */
export function requireVersion(expected: string, now: string): void {
  if (expected === now) return;
  throw new Refusal(
    "REVISION_CHANGED",
    "it was changed since it was read: read it again and repeat the change",
  );
}

/** An answer whose ETag begins with the version, and changes with each byte of the body. */
export function versionedAnswer(status: number, data: { readonly version: string }): Answer {
  const body = { data };
  return jsonAnswer(status, body, { ETag: `"${data.version}-${versionOf(body)}"` });
}
