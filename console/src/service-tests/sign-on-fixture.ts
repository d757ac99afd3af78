import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Person, startIdentityProvider } from "@fiberstream/local-stack/identity-provider";
import type { Life } from "@fiberstream/runtime/life";
import { freePort } from "@fiberstream/testkit/free-ports";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { startTestConsole, type TestConsole } from "./console-fixture.ts";

export const CLIENT_ID = "console";
const CLIENT_SECRET = "a secret of the tests";

/** Changes an ID token on its way to the console. */
export type Bend = (payload: JWTPayload) => Promise<string>;

export type SignOnPlatform = {
  readonly console: TestConsole;
  readonly consoleUrl: string;
  readonly issuer: string;
  readonly provider: Awaited<ReturnType<typeof startIdentityProvider>>["provider"];
  readonly closeProvider: () => Promise<void>;
  readonly startProvider: (port: number) => ReturnType<typeof startIdentityProvider>;
  readonly grantsFile: string;
  /** Those whom the provider signs in; may be changed. */
  readonly people: Person[];
  readonly writeGrants: (content: object | string) => void;
  /** What happens to the next ID tokens; undefined: nothing. */
  readonly bending: { bend: Bend | undefined };
  /** Signs a token with the provider's key. */
  readonly sign: (payload: JWTPayload, header?: { typ?: string }) => Promise<string>;
};

export const GRANTS = {
  groups: { admins: [{ role: "admin" }], acme: [{ role: "viewer", tenant: "acme" }] },
};

/** Starts a real OpenID provider, and a console that lets people sign in with it. */
export async function startSignOnPlatform(
  life: Life,
  environment: Readonly<Record<string, string>> = {},
): Promise<SignOnPlatform> {
  const port = await freePort();
  // As browsers know it: they accept cookies that need TLS from localhost.
  const consoleUrl = `http://localhost:${port}`;
  const folder = life.own(mkdtempSync(join(tmpdir(), "fiberstream-sign-on-")), (owned) =>
    rmSync(owned, { recursive: true }),
  );
  const grantsFile = join(folder, "grants.json");
  const writeGrants = (content: object | string) =>
    writeFileSync(grantsFile, typeof content === "string" ? content : JSON.stringify(content));
  writeGrants(GRANTS);

  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const people: Person[] = [
    { subject: "ada", name: "Ada <b>Admin</b>", email: "ada@example.net", groups: ["admins"] },
    { subject: "vik", name: "Vik", email: "vik@example.net", groups: ["acme"] },
    { subject: "nobody", name: "Nobody", email: "nobody@example.net", groups: ["other"] },
  ];
  const key = { ...(await exportJWK(privateKey)), kid: "key-1", alg: "RS256", use: "sig" };
  const startProvider = (providerPort: number) =>
    startIdentityProvider({
      port: providerPort,
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      consoleUrl,
      people: () => people,
      keys: { keys: [key] },
    });
  const { issuer, provider, close } = await startProvider(0);
  let isClosed = false;
  const closeProvider = async () => {
    if (!isClosed) await close();
    isClosed = true;
  };
  life.own(closeProvider, (owned) => owned());

  const bending: { bend: Bend | undefined } = { bend: undefined };
  provider.use(async (context, next) => {
    await next();
    const body = context.body as { id_token?: string } | undefined;
    if (bending.bend === undefined || context.path !== "/token" || !body?.id_token) return;
    body.id_token = await bending.bend(payloadOf(body.id_token));
  });
  return {
    consoleUrl,
    issuer,
    provider,
    closeProvider,
    startProvider,
    grantsFile,
    people,
    writeGrants,
    bending,
    sign: (payload, header = {}) =>
      new SignJWT(payload)
        .setProtectedHeader({ alg: "RS256", kid: "key-1", ...header })
        .sign(privateKey),
    console: await startTestConsole(life, {
      AUTH_MODE: "keys",
      PORT: String(port),
      PUBLIC_URL: consoleUrl,
      OIDC_ISSUER: issuer,
      OIDC_CLIENT_ID: CLIENT_ID,
      OIDC_CLIENT_SECRET: CLIENT_SECRET,
      OIDC_SCOPES: "openid profile email groups",
      OIDC_GRANTS_FILE: grantsFile,
      OIDC_NAME: "Example ID",
      OIDC_TIMEOUT_MS: "20000",
      ...environment,
    }),
  };
}

export const payloadOf = (token: string): JWTPayload =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as JWTPayload;
