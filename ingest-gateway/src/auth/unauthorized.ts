import { challenge } from "@fiberstream/http/bearer-token";
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

/** Returns a 401 with the header that it needs. */
export const unauthorized = (code: UnauthorizedCode, detail: string): Refusal =>
  new Refusal(code, detail, { headers: challenge(code) });
