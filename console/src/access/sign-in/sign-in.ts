import { hash } from "node:crypto";
import { USER_NAME } from "@fiberstream/access/user-table";
import { type Actor, inTransactionAs } from "@fiberstream/postgres/acting";
import { type PgPool, query } from "@fiberstream/postgres/pool";
import { Refusal } from "../../answers/refusal.ts";
import type { RecordAttempt } from "../attempts.ts";
import type { Cookies } from "../cookies.ts";
import type { From } from "../reader.ts";
import type { Sessions } from "../sessions.ts";
import { senderAt } from "./address.ts";
import { DEVICE_MAX_AGE_SECONDS, type Devices } from "./devices.ts";
import { isOutdated, type Passwords, type Scrypt } from "./passwords.ts";
import { codeRequired, needsCode, type SecondFactor, useCode } from "./second-factor.ts";
import { codesOf, type Tries, type TrySubject } from "./tries.ts";

export type SignedIn = {
  readonly userId: string;
  readonly sessionId: string;
  /** Set-Cookie headers. */
  readonly cookies: readonly string[];
};

export type SignIn = {
  /**
   * Signs a local user in.
   * @throws {Refusal} WRONG_CREDENTIALS, CODE_REQUIRED, TOO_MANY_TRIES, OVERLOADED
   */
  readonly byPassword: (
    given: { name: string; password: string; code?: string | undefined },
    from: From,
  ) => Promise<SignedIn>;
  /**
   * Signs in whom a one-time link was made for. A link does not stand for the authenticator app.
   * @throws {Refusal} WRONG_CREDENTIALS, CODE_REQUIRED, TOO_MANY_TRIES
   */
  readonly byLink: (
    given: { token: string; code?: string | undefined },
    from: From,
  ) => Promise<SignedIn>;
};

type UserRow = SecondFactor & { readonly name: string; readonly password_hash: string | null };
const USER_COLUMNS = "user_id, name, password_hash, totp_secret, totp_confirmed_at";

export function createSignIn(options: {
  pool: PgPool;
  sessions: Sessions;
  cookies: Cookies;
  passwords: Passwords;
  tries: Tries;
  devices: Devices;
  recordAttempt: RecordAttempt;
}): SignIn {
  const { pool, sessions, cookies, passwords, tries, devices, recordAttempt } = options;

  const fail = (
    from: From,
    {
      userId,
      reason,
      lockedOut,
    }: { userId: string | undefined; reason: string; lockedOut: readonly TrySubject[] },
  ): Refusal => {
    recordAttempt(
      { kind: "anonymous", id: "anyone", address: from.address, requestId: from.requestId },
      {
        action: lockedOut.length > 0 ? "user.locked_out" : "user.sign_in_failed",
        objectKind: "user",
        // Never what was typed: people type passwords where names belong.
        object: userId ?? "unknown",
        outcome: "failed",
        reason:
          lockedOut.length > 0
            ? `${reason}; by ${lockedOut.map(({ kind }) => kind).join(", ")}`
            : reason,
      },
    );
    return new Refusal("WRONG_CREDENTIALS", "the name, the password or the code is wrong");
  };

  const succeed = async (
    user: UserRow,
    from: From,
    { method, by }: { method: "password" | "link"; by: readonly TrySubject[] },
  ): Promise<SignedIn> => {
    await tries.succeed(by);
    const { address, requestId, headers } = from;
    const { sessionId, cookie } = await sessions.begin(user.user_id, {
      address,
      requestId,
      userAgent: headers["user-agent"],
      method,
    });
    const mark = devices.make(user.user_id);
    return {
      userId: user.user_id,
      sessionId,
      cookies: [cookie, cookies.device.set(mark, DEVICE_MAX_AGE_SECONDS)],
    };
  };

  /** Those by whom tries are counted: a browser that this user has signed in with, or else the account and the address. */
  const countedBy = (account: string, userId: string | undefined, from: From): TrySubject[] => {
    const mark = cookies.device.in(from.headers.cookie);
    const device = userId === undefined ? undefined : devices.nameOf(mark, userId);
    if (device !== undefined) return [{ kind: "device", subject: device }];
    return [
      { kind: "account", subject: account },
      { kind: "address", subject: senderAt(from.address) },
    ];
  };

  /** By whom codes are counted besides: a known browser by itself, so that nobody locks its person out of it. */
  const codesBy = (by: readonly TrySubject[], userId: string): TrySubject[] => {
    const device = by.find(({ kind }) => kind === "device");
    if (device === undefined) return [codesOf(userId)];
    return [{ kind: "device", subject: `codes ${device.subject}` }];
  };

  const signIn = async (
    { name, password, code }: { name: string; password: string; code?: string | undefined },
    from: From,
    scrypt: Scrypt,
  ): Promise<SignedIn> => {
    // PostgreSQL's lower() may make İ an i, which JavaScript does not: tries by that name would be counted apart.
    const found = await query<UserRow>(pool, READ_LOCAL, [name]);
    const user = USER_NAME.test(name) ? found[0] : undefined;
    const by = countedBy(accountOf(name), user?.user_id, from);
    const lockedOut = await tries.begin(by);
    const isRight = await scrypt.matches(password, user?.password_hash ?? null);
    if (user === undefined || !isRight) {
      throw fail(from, { userId: user?.user_id, reason: "wrong password", lockedOut });
    }
    if (needsCode(user)) {
      if (code === undefined) {
        await tries.withdraw(by, lockedOut);
        throw codeRequired();
      }
      const byCode = codesBy(by, user.user_id);
      const lockedOutByCode = await tries.begin(byCode);
      if (!(await useCode(pool, user, code))) {
        throw fail(from, {
          userId: user.user_id,
          reason: "wrong code",
          lockedOut: [...lockedOut, ...lockedOutByCode],
        });
      }
      await tries.succeed(byCode);
    }
    if (isOutdated(user.password_hash ?? "")) {
      const renewed = [user.user_id, await scrypt.hash(password)];
      await inTransactionAs(pool, actorOf(user, from), (client) =>
        query(client, "UPDATE users SET password_hash = $2 WHERE user_id = $1", renewed),
      );
    }
    return succeed(user, from, { method: "password", by });
  };

  return {
    byPassword: (given, from) =>
      passwords.inTurn(senderAt(from.address), (scrypt) => signIn(given, from, scrypt)),
    byLink: async ({ token, code }, from) => {
      const sha256 = hash("sha256", token, "buffer");
      const [user] = await query<UserRow>(pool, READ_LINK, [sha256]);
      // 256 random bits need no count of tries, but the code does.
      const wrong = { userId: user?.user_id, lockedOut: [] };
      if (user === undefined) throw fail(from, { ...wrong, reason: "no such link" });
      const counted = countedBy(accountOf(user.name), user.user_id, from);
      const by = needsCode(user) ? [...counted, ...codesBy(counted, user.user_id)] : [];
      if (needsCode(user)) {
        if (code === undefined) throw codeRequired();
        const lockedOut = await tries.begin(by);
        if (!(await useCode(pool, user, code))) {
          throw fail(from, { ...wrong, reason: "wrong code", lockedOut });
        }
      }
      const used = await inTransactionAs(pool, actorOf(user, from), (client) =>
        query(client, USE_LINK, [sha256]),
      );
      if (used.length === 0) throw fail(from, { ...wrong, reason: "link used twice" });
      return succeed(user, from, { method: "link", by });
    },
  };
}

/** The name that was typed stands for the account, whether or not there is one. */
const accountOf = (name: string): string => hash("sha256", name.toLowerCase(), "base64url");

const actorOf = ({ user_id: id, name }: UserRow, { address, requestId }: From): Actor => ({
  kind: "user",
  id,
  name,
  address,
  requestId,
});

const READ_LOCAL = `
  SELECT ${USER_COLUMNS} FROM users WHERE kind = 'local' AND lower(name) = lower($1) AND disabled_at IS NULL`;
const READ_LINK = `
  SELECT ${USER_COLUMNS} FROM one_time_links JOIN users USING (user_id)
  WHERE link_sha256 = $1 AND expires_at > now() AND disabled_at IS NULL`;
const USE_LINK = "DELETE FROM one_time_links WHERE link_sha256 = $1 RETURNING user_id";
