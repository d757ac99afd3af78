import type { Log } from "@fiberstream/runtime/log";
import { throttled } from "@fiberstream/runtime/throttled";
import * as oidc from "openid-client";
import { Refusal } from "../answers/refusal.ts";
import { CALLBACK_PATH } from "./begin-sign-in.ts";
import type { Flow } from "./flow-cookie.ts";
import { type Provider, reasonOf, unavailable } from "./provider.ts";
import { SignInFailure } from "./sign-in-failure.ts";

/** What the provider says about a person, after all checks. */
export type Claims = { readonly sub: string; readonly [name: string]: unknown };

/**
 * Exchanges the provider's answer for claims. Checks state, `iss`, PKCE, and of the ID token signature, issuer, audience,
 * times and nonce.
 *
 * @param query the parameters with which the provider has led the browser back
 * @throws {SignInFailure}
 * @throws {Refusal} PROVIDER_UNAVAILABLE
 */
export type RedeemCode = (query: URLSearchParams, flow: Flow) => Promise<Claims>;

/** Redeems codes at the provider; some providers send groups only from their UserInfo endpoint, which is then asked, too. */
export function createRedeemCode(options: {
  provider: Provider;
  publicUrl: string;
  groupsClaim: string;
  log: Log;
}): RedeemCode {
  const { provider, publicUrl, groupsClaim, log } = options;
  const warn = throttled((error: unknown, times) =>
    log.warn({ reason: reasonOf(error), times }, "sign-in at the provider failed"),
  );

  const redeem: RedeemCode = async (query, flow) => {
    const client = await provider.client();
    // Not from the request's Host: the provider compares it with the address that is registered.
    const url = new URL(`${publicUrl}${CALLBACK_PATH}?${query.toString()}`);
    const tokens = await oidc.authorizationCodeGrant(client, url, {
      expectedState: flow.state,
      expectedNonce: flow.nonce,
      pkceCodeVerifier: flow.codeVerifier,
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    if (claims === undefined) throw new SignInFailure("forged", "the provider sent no ID token");
    const isComplete =
      groupsClaim in claims || client.serverMetadata().userinfo_endpoint === undefined;
    if (isComplete) return claims;
    const more = await oidc.fetchUserInfo(client, tokens.access_token, claims.sub);
    return { ...more, ...claims };
  };

  return async (query, flow) => {
    try {
      return await redeem(query, flow);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      warn(error);
      throw failureOf(error);
    }
  };
}

/** The provider did not answer, or not as one that works. */
const OUTAGES: ReadonlySet<string> = new Set([
  "OAUTH_TIMEOUT",
  "OAUTH_ABORT",
  "OAUTH_RESPONSE_IS_NOT_CONFORM",
  "OAUTH_RESPONSE_IS_NOT_JSON",
  "OAUTH_PARSE_ERROR",
]);

function failureOf(error: unknown): Error {
  if (error instanceof SignInFailure) return error;
  if (error instanceof oidc.AuthorizationResponseError) {
    const { error: code } = error;
    return new SignInFailure(
      "denied",
      code === "access_denied"
        ? "the sign-in was cancelled, or the provider does not let you use the console"
        : "the provider refused the sign-in: an admin finds the reason in the console's log",
    );
  }
  if (error instanceof oidc.ResponseBodyError) {
    return error.error === "invalid_grant"
      ? new SignInFailure("replayed", "the provider's code was used already, or is too old")
      : new SignInFailure(
          "denied",
          "the provider refused the console: an admin finds the reason in the console's log",
        );
  }
  if (error instanceof oidc.WWWAuthenticateChallengeError) {
    return new SignInFailure(
      "denied",
      "the provider does not accept the console's client id and secret: check OIDC_CLIENT_ID and OIDC_CLIENT_SECRET",
    );
  }
  // fetch throws a TypeError when there is no connection.
  const isOutage =
    error instanceof TypeError ||
    (error instanceof oidc.ClientError && OUTAGES.has(error.code ?? ""));
  return isOutage
    ? unavailable()
    : new SignInFailure("forged", "the provider's answer is not one to this sign-in, or not valid");
}
