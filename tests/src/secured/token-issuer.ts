import { createSign, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export const ISSUER = "https://tokens.test";
export const AUDIENCE = "kafka";

export type TokenIssuer = {
  readonly tokenUrl: string;
  /** The public key, as a JSON Web Key Set. */
  readonly jwks: string;
  /** Returns the number of issued tokens. */
  readonly given: () => number;
  readonly close: () => Promise<void>;
};

/**
 * Starts a small OAuth 2.0 server, which issues signed tokens for one client with its secret (client credentials). The
 * subject of a token is the client's id.
 */
export async function startTokenIssuer(client: {
  id: string;
  secret: string;
}): Promise<TokenIssuer> {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const expected = `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString("base64")}`;
  let given = 0;

  const tokenOf = (subject: string) => {
    const nowSeconds = Math.floor(Date.now() / 1_000);
    const parts = [
      { alg: "RS256", typ: "JWT", kid: "one" },
      { iss: ISSUER, aud: AUDIENCE, sub: subject, iat: nowSeconds, exp: nowSeconds + 300 },
    ].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
    const signed = parts.join(".");
    return `${signed}.${createSign("RSA-SHA256").update(signed).sign(privateKey, "base64url")}`;
  };
  const server = createServer((request, response) => {
    if (request.headers.authorization !== expected) {
      response.writeHead(401).end(JSON.stringify({ error: "invalid_client" }));
      return;
    }
    given++;
    response.end(JSON.stringify({ access_token: tokenOf(client.id), expires_in: 300 }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    tokenUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    jwks: JSON.stringify({
      keys: [{ ...publicKey.export({ format: "jwk" }), kid: "one", use: "sig", alg: "RS256" }],
    }),
    given: () => given,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
