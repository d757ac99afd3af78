import { type PgPool, query } from "@fiberstream/postgres/pool";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { Refusal } from "../../answers/refusal.ts";
import { isRecoveryCode, recoveryHash, totpStep } from "./totp.ts";

/** What of a user decides about codes. */
export type SecondFactor = {
  readonly user_id: string;
  readonly totp_secret: Buffer | null;
  readonly totp_confirmed_at: Date | null;
};

/**
 * Uses up a code: of the authenticator app, or for recovery. Two requests with one code cannot both have it.
 * @returns whether it was right, and not used before
 */
export async function useCode(pool: PgPool, user: SecondFactor, code: string): Promise<boolean> {
  if (user.totp_secret === null) return false;
  if (isRecoveryCode(code)) {
    const used = await query(pool, USE_RECOVERY, [user.user_id, recoveryHash(code)]);
    return used.length > 0;
  }
  const step = totpStep(user.totp_secret, code.replaceAll(" ", ""), wallNowMs());
  if (step === undefined) return false;
  return (await query(pool, USE_STEP, [user.user_id, step])).length > 0;
}

const USE_STEP = `
  UPDATE users SET totp_last_step = $2
  WHERE user_id = $1 AND (totp_last_step IS NULL OR totp_last_step < $2) RETURNING user_id`;
const USE_RECOVERY = `
  UPDATE users SET recovery_codes = array_remove(recovery_codes, $2)
  WHERE user_id = $1 AND $2 = ANY (recovery_codes) RETURNING user_id`;

export const needsCode = ({ totp_confirmed_at: at }: SecondFactor): boolean => at !== null;

export const codeRequired = (): Refusal =>
  new Refusal(
    "CODE_REQUIRED",
    "this account also needs a code of its authenticator app, or a recovery code, in the field code",
  );
