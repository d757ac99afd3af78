import { hash, randomBytes } from "node:crypto";
import { type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import type { GrantFiber } from "../pages/page-routes.ts";
import { asked } from "../questions/ask.ts";

const CODE_BYTES = 32;
const CODE_MAX_AGE_SECONDS = 60;
/** A person who allows again and again has at most so many codes, the newest. */
const MAX_CODES = 10;

/** Makes one-time codes for `fiber login`: each is of use to the program only that began with its secret. */
export const createGrantFiber =
  (pool: PgPool): GrantFiber =>
  async ({ userId }, { challenge, host }) => {
    const code = randomBytes(CODE_BYTES).toString("base64url");
    await asked(query(pool, FORGET, [userId, MAX_CODES - 1]));
    await asked(
      query(pool, REMEMBER, [sha256(code), userId, challenge, host, CODE_MAX_AGE_SECONDS]),
    );
    return code;
  };

const FORGET = `
  DELETE FROM login_codes
  WHERE expires_at < now() OR code_sha256 IN (
    SELECT code_sha256 FROM login_codes WHERE user_id = $1 ORDER BY expires_at DESC OFFSET $2)`;
const REMEMBER = `
  INSERT INTO login_codes (code_sha256, user_id, challenge, host, expires_at)
  VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))`;

/** What was allowed with a code. */
export type Redeemed = { readonly userId: string; readonly host: string };

/**
 * Uses a code up in the client's transaction.
 * @param verifier the program's secret
 * @returns undefined for a code that is unknown, was used, is too old, or belongs to another program
 */
export async function redeemCode(
  client: PgClient,
  { code, verifier }: { readonly code: string; readonly verifier: string },
): Promise<Redeemed | undefined> {
  const [row] = await query<CodeRow>(client, REDEEM, [sha256(code)]);
  // A code is used up by a wrong secret, too: nobody tries twice.
  if (row === undefined || !row.is_valid || row.challenge !== challengeOf(verifier)) {
    return undefined;
  }
  return { userId: row.user_id, host: row.host };
}

type CodeRow = { user_id: string; challenge: string; host: string; is_valid: boolean };
const REDEEM = `
  DELETE FROM login_codes WHERE code_sha256 = $1
  RETURNING user_id, challenge, host, expires_at > now() AS is_valid`;

const sha256 = (text: string): Buffer => hash("sha256", text, "buffer");
const challengeOf = (verifier: string): string => hash("sha256", verifier, "base64url");
