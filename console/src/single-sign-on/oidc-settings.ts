import { isLoopback } from "@fiberstream/http/open-port";
import { durationMs } from "@fiberstream/http/settings";
import { FatalError } from "@fiberstream/runtime/errors";
import { type ConfigOf, setting, wholeNumber } from "@fiberstream/runtime/settings";
import { z } from "zod";

/** An address without TLS is for this machine only: everybody on the way would read codes and cookies. */
const httpsUrl = () =>
  z
    .url({ protocol: /^https?$/ })
    .refine(
      (url) => url.startsWith("https:") || isLoopback(new URL(url).hostname),
      "must begin with https://, except on a loopback address",
    );

export const oidcSettings = {
  oidcIssuer: setting(
    "OIDC_ISSUER",
    httpsUrl().optional(),
    "issuer of the OpenID provider with which people sign in; its metadata is read from there. Unset: no single sign-on",
  ),
  oidcClientId: setting(
    "OIDC_CLIENT_ID",
    z.string().min(1).max(1_000).optional(),
    "the console's client id at the provider",
  ),
  oidcClientSecret: setting(
    "OIDC_CLIENT_SECRET",
    z.string().min(1).max(10_000).optional(),
    "the client's secret; better in a file that OIDC_CLIENT_SECRET_FILE names. Unset: a public client, which only PKCE protects",
  ),
  oidcName: setting(
    "OIDC_NAME",
    z.string().min(1).max(60).default("single sign-on"),
    "what the sign-in page calls the provider",
  ),
  oidcScopes: setting(
    "OIDC_SCOPES",
    z
      .string()
      .regex(/^openid( [\x21\x23-\x5b\x5d-\x7e]+)*$/, "must begin with openid")
      .default("openid profile email"),
    "scopes that are asked for; add the one with which your provider sends groups",
  ),
  oidcGroupsClaim: setting(
    "OIDC_GROUPS_CLAIM",
    z.string().min(1).max(200).default("groups"),
    "name of the claim with the person's groups",
  ),
  oidcGrantsFile: setting(
    "OIDC_GRANTS_FILE",
    z.string().optional(),
    "JSON file that says which group has which grants; read again when it changes",
  ),
  oidcTimeoutMs: setting(
    "OIDC_TIMEOUT_MS",
    durationMs(5_000),
    "how long one request to the provider may take",
  ),
  oidcClockToleranceSeconds: setting(
    "OIDC_CLOCK_TOLERANCE_SECONDS",
    wholeNumber({ min: 0, max: 300 }).default(30),
    "how far the provider's clock may be from this one",
  ),
};

export type OidcOptions = {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly name: string;
  readonly scopes: string;
  readonly groupsClaim: string;
  readonly grantsFile: string;
  readonly timeoutMs: number;
  readonly clockToleranceSeconds: number;
  /** Where browsers reach the console, without a slash at the end. */
  readonly publicUrl: string;
};

/**
 * Returns the options of single sign-on; undefined if no issuer is set.
 * @throws {FatalError} for an issuer without the settings that it needs
 */
export function oidcOptions(
  config: ConfigOf<typeof oidcSettings> & { readonly publicUrl?: string | undefined },
): OidcOptions | undefined {
  const { oidcIssuer: issuer, oidcClientId: clientId, oidcGrantsFile: grantsFile } = config;
  const { publicUrl } = config;
  if (issuer === undefined) return undefined;
  if (clientId === undefined || grantsFile === undefined || publicUrl === undefined) {
    const needed = {
      OIDC_CLIENT_ID: clientId,
      OIDC_GRANTS_FILE: grantsFile,
      PUBLIC_URL: publicUrl,
    };
    const missing = Object.entries(needed).flatMap(([name, value]) =>
      value === undefined ? [name] : [],
    );
    throw new FatalError(
      `OIDC_ISSUER is set, but ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not`,
      "Set all of them, or unset OIDC_ISSUER; docs/single-sign-on.md has an example",
    );
  }
  return {
    issuer,
    clientId,
    grantsFile,
    publicUrl,
    clientSecret: config.oidcClientSecret,
    name: config.oidcName,
    scopes: config.oidcScopes,
    groupsClaim: config.oidcGroupsClaim,
    timeoutMs: config.oidcTimeoutMs,
    clockToleranceSeconds: config.oidcClockToleranceSeconds,
  };
}
