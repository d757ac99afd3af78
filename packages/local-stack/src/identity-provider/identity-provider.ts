import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { closeServer } from "@fiberstream/runtime/admin-server";
import { createServer } from "@fiberstream/runtime/node-http";
import { type Configuration, Provider } from "oidc-provider";
import { createInMemoryAdapters } from "./in-memory-adapter.ts";
import { createInteractions } from "./interactions.ts";

/** A person whom the provider signs in. */
export type Person = {
  readonly subject: string;
  readonly name: string;
  readonly email: string;
  readonly groups: readonly string[];
};

export type IdentityProvider = {
  readonly issuer: string;
  /** The real one, for what a test looks at or bends. */
  readonly provider: Provider;
  readonly close: () => Promise<void>;
};

/**
 * Starts an OpenID provider on 127.0.0.1 for one developer or a test: a real one, except that it signs people in without a
 * password. Its sessions and codes are in memory.
 *
 * @param options.port 0: a free port
 * @param options.people asked for at each sign-in, so that their groups may change
 * @param options.consoleUrl where the console is, without a slash at the end
 * @param options.keys the private keys with which it signs, as JWKs; default: those of the library
 */
export async function startIdentityProvider(options: {
  port: number;
  clientId: string;
  clientSecret: string;
  consoleUrl: string;
  people: () => readonly Person[];
  keys?: Configuration["jwks"];
}): Promise<IdentityProvider> {
  const { people, keys } = options;
  const server = createServer();
  server.listen(options.port, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const provider = new Provider(issuer, {
    adapter: createInMemoryAdapters(),
    clients: [clientOf(options)],
    ...(keys !== undefined && { jwks: keys }),
    cookies: { keys: [randomBytes(32).toString("base64url")] },
    scopes: ["openid", "profile", "email", "groups"],
    claims: { openid: ["sub"], profile: ["name"], email: ["email"], groups: ["groups"] },
    // The claims are in the ID token, as most providers do it.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: confirmLogout,
        postLogoutSuccessSource: saySignedOut,
      },
    },
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 60,
      IdToken: 600,
      Interaction: 3_600,
      Session: 86_400,
      Grant: 86_400,
    },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    findAccount: (_, subject) => {
      const person = people().find((one) => one.subject === subject);
      if (person === undefined) return undefined;
      const { name, email, groups } = person;
      return {
        accountId: subject,
        claims: () => Promise.resolve({ sub: subject, name, email, groups: [...groups] }),
      };
    },
    // Who signs in has agreed: it is the installation's own console.
    loadExistingGrant: async ({ oidc }) => {
      const { client, session } = oidc;
      if (client === undefined || session?.accountId === undefined) return undefined;
      const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope("openid profile email groups");
      await grant.save();
      return grant;
    },
    // Its standard does not connect to loopback addresses.
    fetch: (url, request) => {
      const withoutGuard = { ...request };
      delete withoutGuard.dispatcher;
      return fetch(url, withoutGuard);
    },
  });

  const interactions = createInteractions({ provider, people });
  let answer: ReturnType<Provider["callback"]> | undefined;
  server.on("request", (request, response) => {
    if (request.url?.startsWith("/interaction/") === true) interactions(request, response);
    // At the first request, so that a test can add its middleware.
    else void (answer ??= provider.callback())(request, response);
  });
  return { issuer, provider, close: () => closeServer(server) };
}

const clientOf = (options: { clientId: string; clientSecret: string; consoleUrl: string }) => ({
  client_id: options.clientId,
  client_secret: options.clientSecret,
  client_name: "FiberStream",
  redirect_uris: [`${options.consoleUrl}/api/v1/auth/oidc/callback`],
  post_logout_redirect_uris: [`${options.consoleUrl}/signed-out`],
  backchannel_logout_uri: `${options.consoleUrl}/api/v1/auth/oidc/backchannel-logout`,
  backchannel_logout_session_required: true,
  grant_types: ["authorization_code"],
  response_types: ["code" as const],
});

/** The provider's page that asks whether to sign out, without scripts. */
function confirmLogout(context: { body: unknown }, form: string): void {
  context.body = `<!doctype html><html lang="en"><head><title>Sign out</title></head><body>${form}
<button type="submit" form="op.logoutForm" value="yes" name="logout">Sign out of the identity provider</button>
</body></html>`;
}

function saySignedOut(context: { body: unknown }): void {
  context.body = "You are signed out of the identity provider.\n";
}
