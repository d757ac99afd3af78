import { createKeyUseFailures, startKeyUses } from "@fiberstream/access/key-uses";
import { refuseOpenPort } from "@fiberstream/http/open-port";
import { startKeyIdCheck } from "@fiberstream/postgres/key-id-check";
import { readKeyIdSecret } from "@fiberstream/postgres/key-ids";
import type { PgPool } from "@fiberstream/postgres/pool";
import type { Life } from "@fiberstream/runtime/life";
import type { Log } from "@fiberstream/runtime/log";
import type { Registry } from "prom-client";
import type { People } from "../routes/auth/auth-routes.ts";
import { createRecordAttempt, type RecordAttempt } from "./attempts.ts";
import { type Authenticate, createAuthenticate, createAuthenticateNobody } from "./authenticate.ts";
import { createCookies } from "./cookies.ts";
import { createOwnOrigin } from "./own-origin.ts";
import { createPersonalTokens } from "./personal-tokens.ts";
import { createReaderLookup, createReadKey } from "./reader-keys.ts";
import { createSessionTokens } from "./session-tokens.ts";
import { createSessions } from "./sessions.ts";
import { createAccount } from "./sign-in/account.ts";
import { createDevices } from "./sign-in/devices.ts";
import { createPasswords } from "./sign-in/passwords.ts";
import { createSignIn } from "./sign-in/sign-in.ts";
import { createTries } from "./sign-in/tries.ts";

/** Who asks, and what people need to sign in. */
export type Access = {
  readonly authenticate: Authenticate;
  readonly people: People;
  readonly recordAttempt: RecordAttempt;
};

/**
 * Starts what knows who asks, by AUTH_MODE.
 * @param options.secret that of the database's key ids
 * @throws {FatalError} for AUTH_MODE=open on an address that others reach
 */
export function startAccess(options: {
  config: {
    readonly authMode: "keys" | "open";
    readonly isOpenOnAnyHost: boolean;
    readonly host: string;
    readonly publicUrl?: string | undefined;
    readonly keyMaxAgeMs: number;
  };
  secret: Buffer;
  pool: PgPool;
  /** Connections for entries of denied and failed tries only. */
  attempts: PgPool;
  /** Connections for look-ups only, which nothing else may delay. */
  keys: PgPool;
  registry: Registry;
  countUnlogged: () => void;
  life: Life;
  log: Log;
}): Access {
  const { config, secret, pool, attempts, keys, countUnlogged, life, log } = options;
  const maxAgeMs = config.keyMaxAgeMs;
  const failures = createKeyUseFailures(options.registry);
  const ownOrigin = createOwnOrigin({ publicUrl: config.publicUrl, host: config.host });
  const cookies = createCookies(ownOrigin);
  const isNeverIssued = startKeyIdCheck({ readSecret: () => readKeyIdSecret(keys), life, log });
  const recordAttempt = createRecordAttempt({
    pool: attempts,
    countFailure: countUnlogged,
    life,
    log,
  });

  const sessions = createSessions({
    pool,
    keys,
    tokens: createSessionTokens(secret),
    cookie: cookies.session,
    maxAgeMs,
  });
  const tokens = createPersonalTokens({ pool: keys, isNeverIssued, maxAgeMs });
  const passwords = createPasswords();
  const tries = createTries({ pool });
  const people: People = {
    pool,
    sessions,
    tokens,
    ownOrigin,
    account: createAccount({ pool, sessions, passwords, tries, recordAttempt }),
    signIn: createSignIn({
      pool,
      sessions,
      cookies,
      passwords,
      tries,
      devices: createDevices(secret),
      recordAttempt,
    }),
  };

  const authenticateBy = (): Authenticate => {
    if (config.authMode === "open") {
      refuseOpenPort(config, "fiber readers create");
      log.warn(
        { address: config.host },
        "AUTH_MODE=open: anyone who reaches this port may read everything",
      );
      return createAuthenticateNobody({ isOnAnyHost: config.isOpenOnAnyHost, sessions, tokens });
    }
    const readKey = createReadKey(keys);
    const lookUp = createReaderLookup({ readKey, isNeverIssued, maxAgeMs });
    const noteUse = startKeyUses({ pool, failures, life, log });
    return createAuthenticate({ lookUp, noteUse, tokens, sessions, ownOrigin, log });
  };
  return { authenticate: authenticateBy(), people, recordAttempt };
}
