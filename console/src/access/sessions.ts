import type { Reader } from "./reader.ts";

/** How long a session lives. */
export const SESSION_IDLE_MS = 8 * 3_600_000;
export const SESSION_MAX_AGE_MS = 24 * 3_600_000;

/** What a session is begun with. */
export type SessionStart = {
  readonly address: string;
  readonly userAgent?: string | undefined;
  readonly requestId: string;
  /** How the person signed in. */
  readonly method: "password" | "oidc" | "link";
  /** Of the ID token, so that a back-channel logout finds the session. */
  readonly sid?: string | undefined;
};

/** The sessions of people, which are in PostgreSQL: each console sees an end within 30 s. */
export type Sessions = {
  /**
   * Begins a session, and logs that. The session that the browser had before is for its caller to end.
   * @returns the value of the header Set-Cookie
   * @throws {Refusal} NOT_ALLOWED when the user is disabled or gone
   */
  readonly begin: (
    userId: string,
    start: SessionStart,
  ) => Promise<{ readonly sessionId: string; readonly cookie: string }>;
  /** Returns who has the session of a request's Cookie header; undefined: nobody. `isRecheck`: it does not count as use. */
  readonly find: (
    cookieHeader: string | undefined,
    options?: { readonly isRecheck?: boolean },
  ) => Promise<Reader | undefined>;
  /** Ends one session of a user. @returns whether there was one */
  readonly end: (session: { userId: string; sessionId: string }, by: EndedBy) => Promise<boolean>;
  /** Ends all sessions of a user, perhaps but one. @returns how many there were */
  readonly endAllOf: (
    userId: string,
    by: EndedBy,
    options?: { exceptSessionId?: string },
  ) => Promise<number>;
  /** Ends the sessions that an identity provider names: by `sid`, or all of a subject. @returns how many there were */
  readonly endBySid: (
    of: { issuer: string; sid?: string | undefined; subject?: string | undefined },
    by: EndedBy,
  ) => Promise<number>;
  /** The value of Set-Cookie that removes the cookie. */
  readonly removal: string;
};

/** Who ends a session, and why, for the audit log. */
export type EndedBy = { readonly actor: Reader["actor"]; readonly reason: string };
