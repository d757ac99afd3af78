import { isKeyIdOf, readKeyIdSecret } from "@fiberstream/postgres/key-ids";
import type { PgPool } from "@fiberstream/postgres/pool";
import { FatalError } from "@fiberstream/runtime/errors";
import type { Life } from "@fiberstream/runtime/life";
import type { Log } from "@fiberstream/runtime/log";
import { createRepeatedTask } from "@fiberstream/runtime/repeated-task";
import {
  type Authenticate,
  createAuthenticate,
  createAuthenticateNobody,
  isLoopback,
} from "./authenticate.ts";
import { createReaderLookup, createReadKey } from "./reader-keys.ts";

/** How often the secret of key ids is read: a restored database may have another one. */
const READ_SECRET_EVERY_MS = 30_000;

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
  const { host, isOpenOnAnyHost: isOnAnyHost } = config;
  if (config.authMode === "open") {
    if (!isOnAnyHost && !isLoopback(host)) {
      throw new FatalError(
        `AUTH_MODE=open is only for a loopback address, and HOST is ${host}`,
        "Set AUTH_MODE=keys and make keys with `fiber readers create`, or HOST=127.0.0.1",
      );
    }
    log.warn({ address: host }, "AUTH_MODE=open: anyone who reaches this port may read everything");
    return createAuthenticateNobody({ isOnAnyHost });
  }
  let secret: Buffer | undefined;
  const reading = createRepeatedTask({
    name: "read the secret of key ids",
    work: async () => {
      secret = await readKeyIdSecret(pool);
    },
    intervalMs: READ_SECRET_EVERY_MS,
    startsAtOnce: true,
    log,
  });
  life.own(reading, (owned) => owned.end());
  reading.begin();
  const lookUp = createReaderLookup({
    readKey: createReadKey(pool),
    isNeverIssued: (keyId) => secret !== undefined && !isKeyIdOf(secret, keyId),
    maxAgeMs: config.keyMaxAgeMs,
  });
  return createAuthenticate({ lookUp, log });
}
