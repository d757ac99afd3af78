import * as oidc from "openid-client";
import type { Provider } from "./provider.ts";

/** Where the provider leads the browser after a sign-out; registered there. */
export const SIGNED_OUT_PATH = "/signed-out";

/**
 * Returns the provider's page that ends the session there, too (RP-Initiated Logout 1.0); undefined if the provider has none.
 * The ID token is stored nowhere, so the page asks the person whether to sign out: a hint could leave that out.
 */
export const createEndSessionUrl =
  (options: { provider: Provider; clientId: string; publicUrl: string }) => (): URL | undefined => {
    const { provider, clientId, publicUrl } = options;
    const client = provider.known();
    if (client?.serverMetadata().end_session_endpoint === undefined) return undefined;
    return oidc.buildEndSessionUrl(client, {
      client_id: clientId,
      post_logout_redirect_uri: `${publicUrl}${SIGNED_OUT_PATH}`,
    });
  };
