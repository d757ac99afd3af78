import { type Actor, actAs, appendEntry, inTransactionAs } from "@fiberstream/postgres/acting";
import { inTransaction, type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { Refusal } from "../answers/refusal.ts";
import { createCached } from "./cached.ts";
import type { Cookie } from "./cookies.ts";
import { PERSON_COLUMNS, type PersonRow } from "./people.ts";
import { type Reader, readerOf, rightsOf } from "./reader.ts";
import type { SessionTokens } from "./session-tokens.ts";

/** How a session is begun. */
export type SessionStart = {
  readonly address: string;
  readonly userAgent?: string | undefined;
  readonly requestId: string;
  /** How the person signed in. */
  readonly method: "password" | "oidc" | "link";
  /** Of the ID token, so that a back-channel logout finds the session. */
  readonly sid?: string | undefined;
};

/** Who ends a session, and why, for the audit log. */
export type EndedBy = { readonly actor: Actor; readonly reason: string };

/**
 * The sessions of people, which are in PostgreSQL. What ends here, or whose user is disabled or has other grants, is known to this
 * console at once if it did that, else after the age of its cache, which is at most 30 s.
 */
export type Sessions = {
  /**
   * Begins a session with a new token, and logs that. `instead`: of the same person, which ends.
   * @returns the header Set-Cookie
   * @throws {Refusal} NOT_ALLOWED when the user is disabled or there is none
   */
  readonly begin: (
    userId: string,
    start: SessionStart,
    instead?: { readonly sessionId: string },
  ) => Promise<{ readonly sessionId: string; readonly cookie: string }>;
  /**
   * Returns who has the session of a Cookie header; undefined: nobody.
   * @param options.isRecheck it does not count as use of the session
   * @param options.isFresh asks the database, also for a session that is known
   */
  readonly find: (
    cookieHeader: string | undefined,
    options?: { readonly isRecheck?: boolean; readonly isFresh?: boolean },
  ) => Promise<Reader | undefined>;
  /** Whether the header has the cookie of a session, be it an ended one. */
  readonly isNamedIn: (cookieHeader: string | undefined) => boolean;
  /** @returns whether there was such a session of the user */
  readonly end: (
    session: { readonly userId: string; readonly sessionId: string },
    by: EndedBy,
  ) => Promise<boolean>;
  /** Ends all sessions of a user, perhaps but one. @returns how many there were */
  readonly endAllOf: (
    userId: string,
    by: EndedBy,
    options?: { readonly exceptSessionId?: string },
  ) => Promise<number>;
  /** Ends the sessions that an identity provider names: one by `sid`, or all of a subject. @returns how many there were */
  readonly endBySid: (
    of: { issuer: string; sid?: string | undefined; subject?: string | undefined },
    by: EndedBy,
  ) => Promise<number>;
  /** The Set-Cookie header that removes the cookie. */
  readonly removal: string;
};

/** More of one person are not kept: the oldest ends. */
const MAX_OF_USER = 20;
const TOUCH_EVERY_MS = 60_000;
const USER_AGENT_MAX = 200;

type Known = { readonly reader: Reader; readonly sessionId: string; touchedAtMs: number };

/** @param options.maxAgeMs for how long a session is used without asking the database for it */
export function createSessions(options: {
  pool: PgPool;
  /** For look-ups. */
  keys: PgPool;
  tokens: SessionTokens;
  cookie: Cookie;
  maxAgeMs: number;
}): Sessions {
  const { pool, keys, tokens, cookie, maxAgeMs } = options;

  const known = createCached<Known>({
    maxAgeMs,
    read: async (sha256) => {
      const [row] = await query<PersonRow & { session_id: string; seen_ms_ago: number }>(
        keys,
        READ_SESSION,
        [Buffer.from(sha256, "base64url")],
      );
      if (row === undefined) return null;
      return {
        reader: readerOfSession(row),
        sessionId: row.session_id,
        touchedAtMs: performance.now() - row.seen_ms_ago,
      };
    },
  });

  const touch = async (found: Known) => {
    if (performance.now() - found.touchedAtMs < TOUCH_EVERY_MS) return;
    found.touchedAtMs = performance.now();
    await query(keys, "UPDATE sessions SET last_seen_at = now() WHERE session_id = $1", [
      found.sessionId,
    ]);
  };

  const forget = (ended: readonly Ended[]) => {
    const ids = new Set(ended.map(({ session_id: id }) => id));
    if (ids.size > 0) known.forget(({ sessionId }) => ids.has(sessionId));
  };

  /** Deletes sessions, each of them with an entry in the audit log. */
  const endWhere = async (condition: string, values: readonly unknown[], by: EndedBy) => {
    const ended = await inTransactionAs(pool, by.actor, (client) =>
      deleteSessions(client, condition, values).then(async (sessions) => {
        await logEnded(client, sessions, by.reason);
        return sessions;
      }),
    );
    forget(ended);
    return ended.length;
  };

  return {
    begin: async (userId, start, instead) => {
      const { token, sha256 } = tokens.make();
      const { sessionId, ended } = await inTransaction(pool, (client) =>
        insertSession(client, { userId, sha256, start, instead }),
      );
      forget(ended);
      return { sessionId, cookie: cookie.set(token) };
    },
    find: async (header, { isRecheck = false, isFresh = false } = {}) => {
      const sha256 = tokens.sha256Of(cookie.in(header) ?? "");
      if (sha256 === undefined) return undefined;
      const found = await known.get(sha256.toString("base64url"), { isFresh });
      if (found === null) return undefined;
      if (!isRecheck) await touch(found);
      return found.reader;
    },
    isNamedIn: (header) => cookie.in(header) !== undefined,
    end: async ({ userId, sessionId }, by) =>
      (await endWhere("user_id = $1 AND session_id = $2", [userId, sessionId], by)) > 0,
    endAllOf: (userId, by, { exceptSessionId } = {}) =>
      endWhere(
        "user_id = $1 AND session_id IS DISTINCT FROM $2::uuid",
        [userId, exceptSessionId ?? null],
        by,
      ),
    endBySid: ({ issuer, sid, subject }, by) =>
      endWhere(
        `user_id IN (SELECT user_id FROM users WHERE issuer = $1 AND ($2::text IS NULL OR subject = $2))
         AND ($3::text IS NULL OR id_token_sid = $3) AND ($2::text IS NOT NULL OR $3::text IS NOT NULL)`,
        [issuer, subject ?? null, sid ?? null],
        by,
      ),
    removal: cookie.removal,
  };
}

const READ_SESSION = `
  SELECT session_id, extract(epoch FROM now() - last_seen_at)::double precision * 1000 AS seen_ms_ago, ${PERSON_COLUMNS}
  FROM sessions JOIN users USING (user_id)
  WHERE session_sha256 = $1 AND expires_at > now() AND last_seen_at > now() - interval '8 hours' AND disabled_at IS NULL`;

const readerOfSession = ({
  user_id: userId,
  name,
  session_id: sessionId,
  grants,
}: PersonRow & { session_id: string }): Reader =>
  readerOf(
    {
      // Of the person: more sessions or tokens are no larger share.
      id: userId,
      kind: "user",
      actor: { kind: "user", id: userId, name, session: sessionId },
      userId,
      sessionId,
    },
    rightsOf(grants),
  );

/** @throws {Refusal} NOT_ALLOWED */
async function insertSession(
  client: PgClient,
  options: {
    userId: string;
    sha256: Buffer;
    start: SessionStart;
    instead: { readonly sessionId: string } | undefined;
  },
): Promise<{ sessionId: string; ended: readonly Ended[] }> {
  const { userId, sha256, start, instead } = options;
  const { address, method, requestId } = start;
  const [user] = await query<{ name: string }>(
    client,
    "UPDATE users SET last_signed_in_at = now() WHERE user_id = $1 AND disabled_at IS NULL RETURNING name",
    [userId],
  );
  if (user === undefined) throw new Refusal("NOT_ALLOWED", "this user is disabled");
  const [session] = await query<{ session_id: string }>(client, INSERT_SESSION, [
    sha256,
    userId,
    method,
    address.slice(0, 100),
    start.userAgent?.slice(0, USER_AGENT_MAX),
    start.sid,
  ]);
  const sessionId = session?.session_id ?? "";
  await query(client, FORGET_EXPIRED);
  const superfluous = await deleteSessions(client, SUPERFLUOUS, [userId, MAX_OF_USER]);
  const replaced =
    instead === undefined
      ? []
      : await deleteSessions(client, "user_id = $1 AND session_id = $2", [
          userId,
          instead.sessionId,
        ]);
  // Entries last: whoever appends waits for nothing else.
  await actAs(client, {
    kind: "user",
    id: userId,
    name: user.name,
    session: sessionId,
    address,
    requestId,
  });
  await logEnded(client, superfluous, `more than ${MAX_OF_USER} sessions`);
  await logEnded(client, replaced, "replaced by a new one");
  await appendEntry(client, {
    action: "user.signed_in",
    objectKind: "user",
    object: userId,
    after: { method, session: sessionId },
  });
  return { sessionId, ended: [...superfluous, ...replaced] };
}

const INSERT_SESSION = `
  INSERT INTO sessions (session_sha256, user_id, method, address, user_agent, id_token_sid, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, now() + interval '24 hours') RETURNING session_id`;
/** Sessions that nobody ended are no entries when they are forgotten: they have ended by themselves. */
const FORGET_EXPIRED = `
  DELETE FROM sessions WHERE session_sha256 IN (
    SELECT session_sha256 FROM sessions WHERE expires_at < now() LIMIT 100 FOR UPDATE SKIP LOCKED)`;

const SUPERFLUOUS = `session_id IN (
  SELECT session_id FROM sessions WHERE user_id = $1 ORDER BY created_at DESC OFFSET $2)`;

type Ended = { readonly session_id: string; readonly user_id: string };

const deleteSessions = (client: PgClient, condition: string, values: readonly unknown[]) =>
  query<Ended>(
    client,
    `DELETE FROM sessions WHERE ${condition} RETURNING session_id, user_id`,
    values,
  );

async function logEnded(client: PgClient, ended: readonly Ended[], reason: string): Promise<void> {
  for (const { session_id: session, user_id: object } of ended) {
    await appendEntry(client, {
      action: "session.ended",
      objectKind: "user",
      object,
      reason,
      before: { session },
    });
  }
}
