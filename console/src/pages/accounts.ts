import { type PgPool, query } from "@fiberstream/postgres/pool";
import type { Grant, From, Reader } from "../access/reader.ts";
import type { EndedBy, Sessions } from "../access/sessions.ts";
import type { SignIn } from "../access/sign-in/sign-in.ts";
import { refusalOf } from "../questions/ask.ts";

/** Who asks for a page. */
export type SignedIn = {
  readonly userId: string;
  /** Undefined: a proxy says who it is. */
  readonly sessionId: string | undefined;
  readonly name: string;
  readonly kind: "local" | "oidc";
  readonly grants: readonly Grant[];
};

export type SessionRow = {
  readonly id: string;
  readonly beganAt: Date;
  readonly lastSeenAt: Date;
  readonly address: string;
};

/** What the pages need of people and their sessions. */
export type Accounts = {
  /** @returns undefined if the browser has no session, or one that has ended */
  readonly signedIn: (from: From) => Promise<SignedIn | undefined>;
  /** Returns Set-Cookie headers, as the next one. */
  readonly signIn: (
    given: { name: string; password: string; code: string | undefined },
    from: From,
  ) => Promise<readonly string[]>;
  readonly useLink: (
    given: { token: string; code: string | undefined },
    from: From,
  ) => Promise<readonly string[]>;
  readonly sessions: (person: SignedIn) => Promise<readonly SessionRow[]>;
  readonly endSession: (person: SignedIn, sessionId: string, from: From) => Promise<void>;
  /** The Set-Cookie header that removes the session from the browser. */
  readonly removal: string;
};

/** @param options.whoIs returns who asks; undefined: nobody who has signed in */
export function createAccounts(options: {
  pool: PgPool;
  whoIs: (from: From) => Promise<Reader | undefined>;
  sessions: Sessions;
  signIn: SignIn;
}): Accounts {
  const { pool, whoIs, sessions, signIn } = options;

  const ask = async <Row extends Record<string, unknown>>(text: string, userId: string) => {
    try {
      return await query<Row>(pool, text, [userId]);
    } catch (error) {
      throw refusalOf(error);
    }
  };

  return {
    signedIn: async (from) => {
      const reader = await whoIs(from).catch((error: unknown) => {
        throw refusalOf(error);
      });
      if (reader?.userId === undefined) return undefined;
      const [row] = await ask<PersonRow>(PERSON, reader.userId);
      return row && { ...row, userId: reader.userId, sessionId: reader.sessionId };
    },
    signIn: async (given, from) => (await signIn.byPassword(given, from)).cookies,
    useLink: async (given, from) => (await signIn.byLink(given, from)).cookies,
    sessions: async ({ userId }) => ask<SessionRow>(SESSIONS, userId),
    endSession: async ({ userId, name, sessionId: session }, sessionId, from) => {
      const { address, requestId } = from;
      const by: EndedBy = {
        actor: { kind: "user", id: userId, name, session, address, requestId },
        reason: session === sessionId ? "signed out" : "ended by the person",
      };
      await sessions.end({ userId, sessionId }, by).catch((error: unknown) => {
        throw refusalOf(error);
      });
    },
    removal: sessions.removal,
  };
}

type PersonRow = Pick<SignedIn, "name" | "kind" | "grants">;
const PERSON = `
  SELECT name, kind, (
    SELECT coalesce(json_agg(json_build_object('role', role, 'tenant', tenant, 'nodes', node_pattern)
                             ORDER BY role, tenant, node_pattern), '[]')
    FROM grants WHERE grants.user_id = users.user_id) AS grants
  FROM users WHERE user_id = $1`;
const SESSIONS = `
  SELECT session_id::text AS id, created_at AS "beganAt", last_seen_at AS "lastSeenAt", coalesce(address, '') AS address
  FROM sessions WHERE user_id = $1 AND expires_at > now() ORDER BY created_at DESC LIMIT 20`;
