import { bearerOf, challenge } from "@fiberstream/http/bearer-token";
import { keyFault, NOT_A_KEY } from "@fiberstream/http/key-fault";
import { isLoopback } from "@fiberstream/http/open-port";
import { isSecretOf, parseToken } from "@fiberstream/postgres/key-tokens";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { throttled } from "@fiberstream/runtime/throttled";
import type { Code } from "../answers/codes.ts";
import { asked } from "../questions/ask.ts";
import { Refusal } from "../answers/refusal.ts";
import type { OwnOrigin } from "./own-origin.ts";
import type { PersonalTokens } from "./personal-tokens.ts";
import { type From, OPEN_READER, type Reader } from "./reader.ts";
import type { LookUpReader } from "./reader-keys.ts";
import type { Sessions } from "./sessions.ts";

/** What is looked at to know who asks. */
export type Credentials = From & {
  /** Whether the request changes something: with a cookie it has to come from a page of this console then. */
  readonly isChange: boolean;
  /** Whether it was accepted before, and only has to be still valid: that is no use of a session or token. */
  readonly isRecheck?: boolean;
};

/**
 * @throws {Refusal} MISSING_TOKEN, INVALID_TOKEN, EXPIRED_TOKEN, SESSION_ENDED, DATABASE_UNAVAILABLE, ORIGIN_NOT_ALLOWED
 */
export type Authenticate = (credentials: Credentials) => Promise<Reader>;

/** Accepts whoever has a session, a personal token or a reader key. An Authorization header counts before a cookie. */
export function createAuthenticate(options: {
  lookUp: LookUpReader;
  /** Called for each request of a reader key. */
  noteUse: (keyId: string) => void;
  tokens: PersonalTokens;
  sessions: Sessions;
  ownOrigin: OwnOrigin;
  log: Log;
}): Authenticate {
  const { lookUp, noteUse, tokens, sessions, ownOrigin, log } = options;
  const warn = throttled((error: unknown, times) =>
    log.warn({ reason: messageOf(error), times }, "key or session lookup failed"),
  );

  const found = async <T>(lookingUp: Promise<T>): Promise<T> => {
    try {
      return await lookingUp;
    } catch (error) {
      warn(error);
      throw new Refusal(
        "DATABASE_UNAVAILABLE",
        "keys and sessions cannot be looked up right now: send this again later",
      );
    }
  };

  const readerOfKey = async (token: string) => {
    const parsed = parseToken(token);
    if (parsed === undefined) throw unauthorized(NOT_A_KEY.code, NOT_A_KEY.detail);
    const key = await found(lookUp(parsed.keyId));
    if (key === null || !isSecretOf(key.secretSha256, parsed.secret)) {
      throw unauthorized(
        "INVALID_TOKEN",
        "unknown reader key, or wrong secret; a key with which probes send may not read",
      );
    }
    const reader = validReader(key);
    noteUse(parsed.keyId);
    return reader;
  };

  // Who changes something has to have the right now: an admin whose grant was taken away could give it back to themself.
  const readerOfToken = async (token: string, { isChange, isRecheck = false }: Credentials) => {
    const personal = await found(tokens.find(token, { isRecheck, isFresh: isChange }));
    if (personal === undefined) {
      throw unauthorized(
        "INVALID_TOKEN",
        "unknown personal token, wrong secret, or its owner is disabled",
      );
    }
    return validReader(personal);
  };

  const readerOfSession = async ({ headers, isChange, isRecheck = false }: Credentials) => {
    if (isChange) ownOrigin.require(headers);
    const reader = await found(sessions.find(headers.cookie, { isRecheck, isFresh: isChange }));
    if (reader !== undefined) return reader;
    throw unauthorized("SESSION_ENDED", "your session has ended: sign in again");
  };

  return async (credentials) => {
    const { headers } = credentials;
    if (headers.authorization === undefined && sessions.isNamedIn(headers.cookie)) {
      return readerOfSession(credentials);
    }
    const token = bearerOf(headers.authorization);
    if (typeof token !== "string") throw unauthorized(token.code, token.detail);
    return tokens.isOne(token) ? readerOfToken(token, credentials) : readerOfKey(token);
  };
}

/** @throws {Refusal} INVALID_TOKEN, EXPIRED_TOKEN */
function validReader(key: {
  reader: Reader;
  expiresAtMs: number | null;
  isRevoked: boolean;
}): Reader {
  const fault = keyFault(key);
  if (fault !== undefined) throw unauthorized(fault.code, fault.detail);
  return key.reader;
}

/**
 * Accepts everybody except web pages of other origins, and those who are somebody as who they are. A page whose host name was made
 * to resolve to this machine (DNS rebinding) has another Host.
 *
 * @param options.isOnAnyHost the port is published under other names
 */
export function createAuthenticateNobody(options: {
  isOnAnyHost: boolean;
  sessions: Pick<Sessions, "find">;
  tokens: Pick<PersonalTokens, "find">;
}): Authenticate {
  const { isOnAnyHost, sessions, tokens } = options;
  return async ({ headers, isRecheck = false }) => {
    const { origin, host = "", "sec-fetch-site": site } = headers;
    // Browsers send no Origin with a page's images and scripts, but say that the page is of another site.
    const isOfOtherPage = site === "cross-site" || site === "same-site";
    const isOwn =
      !isOfOtherPage &&
      (origin === undefined || origin === `http://${host}` || origin === `https://${host}`);
    if (!isOwn || !(isOnAnyHost || isLoopback(hostNameOf(host)))) {
      throw new Refusal(
        "ORIGIN_NOT_ALLOWED",
        "with AUTH_MODE=open only programs and pages of this machine may ask: use localhost or 127.0.0.1 as the host",
      );
    }
    const token = bearerOf(headers.authorization);
    const named =
      typeof token === "string"
        ? await asked(tokens.find(token, { isRecheck }))
        : await asked(sessions.find(headers.cookie, { isRecheck }));
    if (named === undefined) return OPEN_READER;
    return "reader" in named ? validReader(named) : named;
  };
}

const hostNameOf = (host: string): string => host.replace(/:\d*$/, "").replace(/^\[|\]$/g, "");

const unauthorized = (
  code: Extract<Code, "MISSING_TOKEN" | "INVALID_TOKEN" | "EXPIRED_TOKEN" | "SESSION_ENDED">,
  detail: string,
): Refusal =>
  new Refusal(code, detail, {
    headers: challenge(code === "SESSION_ENDED" ? "INVALID_TOKEN" : code),
  });
