import * as oidc from "openid-client";
import { FLOW_MAX_AGE_SECONDS, type FlowCookies } from "./flow-cookie.ts";
import type { Provider } from "./provider.ts";

/** Where the provider leads the browser back to; the only redirect address that is registered there. */
export const CALLBACK_PATH = "/api/v1/auth/oidc/callback";

/**
 * Begins a sign-in: returns the provider's page to which the browser goes, and the cookie that binds the answer to it.
 * @throws {Refusal} PROVIDER_UNAVAILABLE
 */
export type BeginSignIn = (returnPath: string) => Promise<{ location: string; cookie: string }>;

/** @param options.now the time of day, in ms */
export function createBeginSignIn(options: {
  provider: Provider;
  flows: FlowCookies;
  scopes: string;
  publicUrl: string;
  now: () => number;
}): BeginSignIn {
  const { provider, flows, scopes, publicUrl, now } = options;
  return async (returnPath) => {
    const client = await provider.client();
    const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
    const codeVerifier = oidc.randomPKCECodeVerifier();
    const location = oidc.buildAuthorizationUrl(client, {
      redirect_uri: `${publicUrl}${CALLBACK_PATH}`,
      scope: scopes,
      state,
      nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: "S256",
    });
    const expiresAtMs = now() + FLOW_MAX_AGE_SECONDS * 1_000;
    const cookie = flows.write({ state, nonce, codeVerifier, returnPath, expiresAtMs });
    return { location: location.href, cookie };
  };
}
