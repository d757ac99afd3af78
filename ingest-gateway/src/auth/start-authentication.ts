import { createKeyUseFailures, startKeyUses } from "@fiberstream/access/key-uses";
import { isLoopback, refuseOpenPort } from "@fiberstream/http/open-port";
import { startKeyIdCheck } from "@fiberstream/postgres/key-id-check";
import { readKeyIdSecret } from "@fiberstream/postgres/key-ids";
import { createPool } from "@fiberstream/postgres/pool";
import { recordServiceVersion } from "@fiberstream/postgres/service-version";
import type { AskRedis } from "@fiberstream/redis/prompt-redis";
import { FatalError, messageOf } from "@fiberstream/runtime/errors";
import type { Life } from "@fiberstream/runtime/life";
import type { Log } from "@fiberstream/runtime/log";
import { throttled } from "@fiberstream/runtime/throttled";
import type { Registry } from "prom-client";
import { createAuthModeGauge } from "./auth-mode-gauge.ts";
import { type Authenticate, createAuthenticate, createAuthenticateNobody } from "./authenticate.ts";
import { createJwtCheck, type SubjectOfJwt } from "./jwt.ts";
import { createKeyLookup } from "./keys/key-lookup.ts";
import { readKeyInPostgres } from "./keys/keys-in-postgres.ts";
import { createKeysInRedis } from "./keys/keys-in-redis.ts";

/** The settings that authentication uses, as settings.ts describes them. */
type Config = {
  readonly authMode: "keys" | "open";
  readonly corsOrigins: readonly string[];
  readonly isOpenOnAnyHost: boolean;
  readonly host: string;
  readonly namespace: string;
  readonly databaseUrl: string;
  readonly keyMaxAgeMs: number;
  readonly jwtIssuer?: string | undefined;
  readonly jwtAudience?: string | undefined;
  readonly jwtJwksUrl?: string | undefined;
};

/**
 * Starts the authentication of AUTH_MODE.
 * @throws {FatalError} for settings that contradict each other
 */
export function startAuthentication(options: {
  config: Config;
  /** Of the service; recorded where there is a database. */
  version: string;
  ask: AskRedis;
  life: Life;
  registry: Registry;
  log: Log;
}): Authenticate {
  const { config, ask, life, registry, log } = options;
  createAuthModeGauge(registry).set({ mode: config.authMode }, 1);
  const failures = createKeyUseFailures(registry);
  if (config.authMode === "open") {
    refuseOpenPort(config, "fiber keys create");
    log.warn({ address: config.host }, "AUTH_MODE=open: anyone who reaches this port may send");
    return createAuthenticateNobody(config);
  }
  // Concurrent look-ups of one key are one, and look-ups of unknown keys use one connection: two are left for known keys.
  const pool = life.own(
    createPool({ ...config, applicationName: "ingest-gateway", maxConnections: 3, log }),
    (owned) => owned.end(),
  );
  recordServiceVersion({ pool, service: "ingest-gateway", version: options.version, life, log });
  return createAuthenticate({
    lookUp: createKeyLookup({
      isNeverIssued: startKeyIdCheck({ readSecret: () => readKeyIdSecret(pool), life, log }),
      inRedis: createKeysInRedis({ ask, namespace: config.namespace }),
      readKey: (name) => readKeyInPostgres(pool, name),
      maxAgeMs: config.keyMaxAgeMs,
      onStale: throttled((error, times) =>
        log.warn({ reason: messageOf(error), times }, "key store unavailable, using cached keys"),
      ),
    }),
    noteUse: startKeyUses({ pool, failures, life, log }),
    subjectOfJwt: jwtCheckOf(config),
    log,
  });
}

function jwtCheckOf({ jwtIssuer, jwtAudience, jwtJwksUrl }: Config): SubjectOfJwt | undefined {
  const given = [jwtIssuer, jwtAudience, jwtJwksUrl].filter((value) => value !== undefined);
  if (given.length === 0) return undefined;
  if (jwtIssuer === undefined || jwtAudience === undefined || jwtJwksUrl === undefined) {
    throw new FatalError(
      "JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_URL must be set together",
      "Set all three, or none to accept no JWTs",
    );
  }
  const { protocol, hostname } = new URL(jwtJwksUrl);
  if (protocol === "http:" && !isLoopback(hostname.replace(/^\[|\]$/g, ""))) {
    throw new FatalError(
      "JWT_JWKS_URL is http:, so that anybody on the network path could replace the keys",
      "Use an https: address; http: is only for a loopback address",
    );
  }
  return createJwtCheck({ issuer: jwtIssuer, audience: jwtAudience, jwksUrl: jwtJwksUrl });
}
