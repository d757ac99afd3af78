import { refuseOpenPort } from "@fiberstream/http/open-port";
import { startKeyIdCheck } from "@fiberstream/postgres/key-id-check";
import { readKeyIdSecret } from "@fiberstream/postgres/key-ids";
import type { PgPool } from "@fiberstream/postgres/pool";
import type { Life } from "@fiberstream/runtime/life";
import type { Log } from "@fiberstream/runtime/log";
import { type Authenticate, createAuthenticate, createAuthenticateNobody } from "./authenticate.ts";
import { createReaderLookup, createReadKey } from "./reader-keys.ts";

/**
 * Starts the authentication of AUTH_MODE.
 * @throws {FatalError} for AUTH_MODE=open on an address that others reach
 */
export function startAuthentication(options: {
  config: {
    readonly authMode: "keys" | "open";
    readonly isOpenOnAnyHost: boolean;
    readonly host: string;
    readonly keyMaxAgeMs: number;
  };
  pool: PgPool;
  life: Life;
  log: Log;
}): Authenticate {
  const { config, pool, life, log } = options;
  if (config.authMode === "open") {
    refuseOpenPort(config, "fiber readers create");
    log.warn(
      { address: config.host },
      "AUTH_MODE=open: anyone who reaches this port may read everything",
    );
    return createAuthenticateNobody({ isOnAnyHost: config.isOpenOnAnyHost });
  }
  const lookUp = createReaderLookup({
    readKey: createReadKey(pool),
    isNeverIssued: startKeyIdCheck({ readSecret: () => readKeyIdSecret(pool), life, log }),
    maxAgeMs: config.keyMaxAgeMs,
  });
  return createAuthenticate({ lookUp, log });
}
