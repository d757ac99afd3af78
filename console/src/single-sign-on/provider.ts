import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { throttled } from "@fiberstream/runtime/throttled";
import * as oidc from "openid-client";
import { Refusal } from "../answers/refusal.ts";
import type { OidcOptions } from "./oidc-settings.ts";

/** The OpenID provider, as its metadata describe it. */
export type Provider = {
  /**
   * Returns the client for the provider; discovers the provider when that was long ago.
   * @throws {Refusal} PROVIDER_UNAVAILABLE
   */
  readonly client: () => Promise<oidc.Configuration>;
  /** Returns what was discovered last; undefined before the first success. */
  readonly known: () => oidc.Configuration | undefined;
};

/** A provider that changes its endpoints keeps the old ones for longer than this. Keys are read again when one is missing. */
const METADATA_MAX_AGE_MS = 60 * 60 * 1_000;
/** After a failure nobody asks the provider again for so long, however many people want to sign in. */
const PAUSE_AFTER_FAILURE_MS = 2_000;
const MS_PER_SECOND = 1_000;

/**
 * Discovers the provider at the first use and once an hour. Requests that come together wait for one discovery. While the
 * provider is unavailable, what is known is used.
 */
export function createProvider(options: {
  oidc: OidcOptions;
  log: Log;
  /** A monotonic clock, in ms. */
  now?: () => number;
}): Provider {
  const { log, now = () => performance.now() } = options;
  const warn = throttled((error: unknown, times) =>
    log.warn({ reason: reasonOf(error), issuer: options.oidc.issuer, times }, "discovery failed"),
  );
  let known: { readonly client: oidc.Configuration; readonly atMs: number } | undefined;
  let discovering: Promise<void> | undefined;
  let failedAtMs = -Infinity;

  const discover = async () => {
    try {
      known = { client: await discovered(options.oidc), atMs: now() };
    } catch (error) {
      failedAtMs = now();
      warn(error);
    } finally {
      discovering = undefined;
    }
  };

  return {
    client: async () => {
      const isOld = known === undefined || now() - known.atMs > METADATA_MAX_AGE_MS;
      if (isOld && now() - failedAtMs > PAUSE_AFTER_FAILURE_MS) await (discovering ??= discover());
      if (known !== undefined) return known.client;
      throw unavailable();
    },
    known: () => known?.client,
  };
}

export const unavailable = (): Refusal =>
  new Refusal(
    "PROVIDER_UNAVAILABLE",
    "the identity provider does not answer as it should, so nobody can sign in with it right now. Sessions that are open continue. Retry later, or sign in with a local account",
  );

/** Returns the message of an error and of what caused it: fetch says only that it failed. */
export const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : `${messageOf(error)}: ${messageOf(cause)}`;
};

async function discovered(options: OidcOptions): Promise<oidc.Configuration> {
  const { issuer, clientId, clientSecret, timeoutMs, clockToleranceSeconds } = options;
  const url = new URL(issuer);
  return oidc.discovery(
    url,
    clientId,
    { [oidc.clockTolerance]: clockToleranceSeconds },
    clientAuthentication(clientSecret),
    {
      timeout: timeoutMs / MS_PER_SECOND,
      execute: [
        // The settings accept http on a loopback address only.
        ...(url.protocol === "http:" ? [oidc.allowInsecureRequests] : []),
        // Also checks the signature of tokens that come from the provider's own address.
        oidc.enableNonRepudiationChecks,
      ],
    },
  );
}

/** HTTP Basic is the standard's default. A provider that names its methods without it gets the secret in the body. */
function clientAuthentication(secret: string | undefined): oidc.ClientAuth {
  if (secret === undefined) return oidc.None();
  const [basic, post] = [oidc.ClientSecretBasic(secret), oidc.ClientSecretPost(secret)];
  return (server, ...rest) => {
    const methods = server.token_endpoint_auth_methods_supported;
    const isBasic = methods === undefined || methods.includes("client_secret_basic");
    return (isBasic ? basic : post)(server, ...rest);
  };
}
