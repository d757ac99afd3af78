import { inTransactionAs } from "@fiberstream/postgres/acting";
import { type PgPool, query } from "@fiberstream/postgres/pool";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { Refusal } from "../../answers/refusal.ts";
import type { RecordAttempt } from "../attempts.ts";
import type { Asker } from "../reader.ts";
import type { Sessions } from "../sessions.ts";
import { senderAt } from "./address.ts";
import { passwordFault, type Passwords, type Scrypt } from "./passwords.ts";
import { needsCode, type SecondFactor, useCode } from "./second-factor.ts";
import {
  base32,
  newRecoveryCodes,
  newTotpSecret,
  recoveryHash,
  totpStep,
  totpUrl,
} from "./totp.ts";
import { codesOf, type Tries, type TrySubject } from "./tries.ts";

/** What local users change about how they sign in. All of it begins a session with a new token, and ends the others. */
export type Account = {
  /** @throws {Refusal} WRONG_CREDENTIALS, TOO_MANY_TRIES, INVALID_FIELD, NOT_POSSIBLE */
  readonly changePassword: (
    given: { current: string | undefined; next: string },
    asker: Asker,
    session: OwnSession,
  ) => Promise<{ cookie: string }>;
  /** Makes a secret for an authenticator app, which counts once a code was confirmed. @throws {Refusal} as above */
  readonly beginTotp: (
    password: string | undefined,
    asker: Asker,
    session: OwnSession,
  ) => Promise<{ secret: string; url: string }>;
  /** @returns the recovery codes, which are shown only now */
  readonly confirmTotp: (
    code: string,
    asker: Asker,
    session: OwnSession,
  ) => Promise<{ cookie: string; recoveryCodes: readonly string[] }>;
  readonly removeTotp: (
    given: { password: string | undefined; code: string },
    asker: Asker,
    session: OwnSession,
  ) => Promise<{ cookie: string }>;
};

export type OwnSession = { readonly userId: string; readonly sessionId: string };

type Row = SecondFactor & {
  readonly name: string;
  readonly kind: "local" | "oidc";
  readonly password_hash: string | null;
  readonly is_fresh_link: boolean;
};
/** Somebody who has just come by a one-time link has forgotten the password. */
const READ = `
  SELECT user_id, name, kind, password_hash, totp_secret, totp_confirmed_at,
         method = 'link' AND sessions.created_at > now() - interval '10 minutes' AS is_fresh_link
  FROM users JOIN sessions USING (user_id) WHERE user_id = $1 AND session_id = $2`;

export function createAccount(options: {
  pool: PgPool;
  sessions: Sessions;
  passwords: Passwords;
  tries: Tries;
  recordAttempt: RecordAttempt;
}): Account {
  const { pool, sessions, passwords, tries, recordAttempt } = options;

  const read = async ({ userId, sessionId }: OwnSession): Promise<Row> => {
    const [user] = await query<Row>(pool, READ, [userId, sessionId]);
    if (user?.kind === "local") return user;
    throw new Refusal(
      "NOT_POSSIBLE",
      "your identity provider has your password and your second factor: change them there",
    );
  };

  /** Runs a check that somebody may try again and again who has only stolen the session. */
  const tried = async (
    asker: Asker,
    { by, what }: { by: TrySubject; what: "password" | "code" },
    check: () => Promise<boolean>,
  ): Promise<void> => {
    const lockedOut = await tries.begin([by]);
    if (!(await check())) {
      recordAttempt(asker.actor, {
        action: lockedOut.length > 0 ? "user.locked_out" : "user.sign_in_failed",
        objectKind: "user",
        object: asker.actor.id,
        outcome: "failed",
        reason: `wrong ${what}, asked for in a session`,
      });
      throw new Refusal("WRONG_CREDENTIALS", "the current password or the code is wrong");
    }
    await tries.succeed([by]);
  };

  const requirePassword = (
    asker: Asker,
    { user_id: userId, password_hash: stored }: Row,
    { password, scrypt }: { password: string | undefined; scrypt: Scrypt },
  ) => {
    if (stored === null) return Promise.resolve();
    const by = { kind: "account", subject: `account ${userId}` } as const;
    return tried(asker, { by, what: "password" }, () => scrypt.matches(password ?? "", stored));
  };

  const requireCode = (asker: Asker, { user_id: userId }: Row, check: () => Promise<boolean>) =>
    tried(asker, { by: codesOf(userId), what: "code" }, check);

  const change = (asker: Asker, sql: string, values: readonly unknown[]) =>
    inTransactionAs(pool, asker.actor, (client) => query(client, sql, values));

  /** The token that was good for less is good for nothing any more, wherever it is. */
  const renewSession = async (asker: Asker, { userId, sessionId: old }: OwnSession) => {
    const { address, requestId, headers } = asker.from;
    const start = {
      address,
      requestId,
      userAgent: headers["user-agent"],
      method: "password",
    } as const;
    const { sessionId, cookie } = await sessions.begin(userId, start, { sessionId: old });
    const by = { actor: asker.actor, reason: "the way to sign in was changed" };
    await sessions.endAllOf(userId, by, { exceptSessionId: sessionId });
    return cookie;
  };

  return {
    changePassword: (given, asker, session) =>
      passwords.inTurn(senderAt(asker.from.address), async (scrypt) => {
        const user = await read(session);
        if (!user.is_fresh_link)
          await requirePassword(asker, user, { password: given.current, scrypt });
        const fault = passwordFault(given.next, user.name);
        if (fault !== undefined) throw notAPassword(fault);
        const hash = await scrypt.hash(given.next);
        await change(asker, SET_PASSWORD, [session.userId, hash]);
        return { cookie: await renewSession(asker, session) };
      }),
    beginTotp: (password, asker, session) =>
      passwords.inTurn(senderAt(asker.from.address), async (scrypt) => {
        const user = await read(session);
        if (needsCode(user)) {
          throw new Refusal(
            "NOT_POSSIBLE",
            "you have an authenticator app already: remove it first",
          );
        }
        await requirePassword(asker, user, { password, scrypt });
        const secret = newTotpSecret();
        await change(asker, SET_SECRET, [session.userId, secret]);
        return { secret: base32(secret), url: totpUrl(secret, user.name) };
      }),
    confirmTotp: async (code, asker, session) => {
      const user = await read(session);
      const { totp_secret: secret } = user;
      if (secret === null || needsCode(user)) {
        throw new Refusal(
          "NOT_POSSIBLE",
          "there is no new authenticator app to confirm: begin again",
        );
      }
      let step: number | undefined;
      await requireCode(asker, user, async () => {
        step = totpStep(secret, code.replaceAll(" ", ""), wallNowMs());
        return step !== undefined;
      });
      const recoveryCodes = newRecoveryCodes();
      const confirmed = await change(asker, CONFIRM, [
        session.userId,
        step,
        recoveryCodes.map(recoveryHash),
        secret,
      ]);
      if (confirmed.length === 0) {
        throw new Refusal("NOT_POSSIBLE", "the secret was changed meanwhile: begin again");
      }
      return { recoveryCodes, cookie: await renewSession(asker, session) };
    },
    removeTotp: ({ password, code }, asker, session) =>
      passwords.inTurn(senderAt(asker.from.address), async (scrypt) => {
        const user = await read(session);
        if (!needsCode(user)) throw new Refusal("NOT_POSSIBLE", "you have no authenticator app");
        await requirePassword(asker, user, { password, scrypt });
        await requireCode(asker, user, () => useCode(pool, user, code));
        await change(asker, REMOVE, [session.userId]);
        return { cookie: await renewSession(asker, session) };
      }),
  };
}

const notAPassword = (fault: string): Refusal =>
  new Refusal("INVALID_FIELD", `new_password: ${fault}`, {
    faults: [{ field: "new_password", message: fault }],
  });

const SET_PASSWORD = `
  UPDATE users SET password_hash = $2, password_changed_at = now() WHERE user_id = $1 RETURNING user_id`;
const SET_SECRET = `
  UPDATE users SET totp_secret = $2 WHERE user_id = $1 AND totp_confirmed_at IS NULL RETURNING user_id`;
const CONFIRM = `
  UPDATE users SET totp_confirmed_at = now(), totp_last_step = $2, recovery_codes = $3
  WHERE user_id = $1 AND totp_secret = $4 AND totp_confirmed_at IS NULL RETURNING user_id`;
const REMOVE = `
  UPDATE users SET totp_confirmed_at = NULL, totp_secret = NULL, totp_last_step = NULL, recovery_codes = '{}'
  WHERE user_id = $1 RETURNING user_id`;
