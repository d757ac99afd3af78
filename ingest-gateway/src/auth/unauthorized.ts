import type { Code } from "../answers/codes.ts";
import { Refusal } from "../answers/refusal.ts";

type UnauthorizedCode = Extract<
  Code,
  | "MISSING_TOKEN"
  | "INVALID_TOKEN"
  | "EXPIRED_TOKEN"
  | "INVALID_SIGNATURE"
  | "STALE_SIGNATURE"
  | "REPLAYED_NONCE"
>;

/** RFC 6750 has an error name for invalid tokens, and none for the other codes. */
const ERRORS: Partial<Record<UnauthorizedCode, string>> = {
  INVALID_TOKEN: "invalid_token",
  EXPIRED_TOKEN: "invalid_token",
};

/** Returns a 401 with the header that RFC 9110 (15.5.2) requires. */
export function unauthorized(code: UnauthorizedCode, detail: string): Refusal {
  const error = ERRORS[code];
  const parameter = error === undefined ? "" : `, error="${error}"`;
  return new Refusal(code, detail, {
    headers: { "WWW-Authenticate": `Bearer realm="fiberstream"${parameter}` },
  });
}
