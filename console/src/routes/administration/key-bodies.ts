import { z } from "zod";

/** What PostgreSQL can keep. */
function isText(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

export const tenantName = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,63}$/, "must be 1 to 63 letters, digits, dots, dashes and underscores");

export const nodePattern = z
  .string()
  .min(1)
  .max(51)
  .regex(/^[^*]{0,50}[*]?$/, "must be one node id, or a prefix of at most 50 characters and *")
  .refine(isText, "must have no NUL character and no lone surrogate");

export const rate = z.number().positive().max(1e9);
export const burst = z.number().min(1).max(1e9);
export const maxNodes = z.number().int().min(1).max(2_147_483_647);
export const note = z
  .string()
  .min(1)
  .max(500)
  .refine(isText, "must have no NUL character and no lone surrogate")
  .nullable();

const MAX_YEARS_S = 10 * 366 * 86_400;
export const expiresIn = z.number().int().min(60).max(MAX_YEARS_S);
/** As long as a key of a probe may need to be replaced everywhere. */
export const keepOld = z
  .number()
  .int()
  .min(0)
  .max(90 * 86_400)
  .default(86_400)
  .describe("How long the old key stays valid, in seconds.");

/** The default burst: what the rate gives in so many seconds. */
export const BURST_SECONDS = 10;

export const inSeconds = (seconds: number, nowMs: number): Date =>
  new Date(nowMs + seconds * 1_000);
