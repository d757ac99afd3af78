import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Person, startIdentityProvider } from "@fiberstream/local-stack/identity-provider";
import type { Life } from "@fiberstream/runtime/life";
import type { LocalConfig } from "./config.ts";
import { stateFiles } from "./supervision/state-files.ts";

/** The people of `npm start -- --sso`. */
const DEMO_PEOPLE: readonly Person[] = [
  {
    subject: "ada",
    name: "Ada (admin)",
    email: "ada@example.net",
    groups: ["fiberstream-admins"],
  },
  {
    subject: "vik",
    name: "Vik (viewer of tenant acme)",
    email: "vik@example.net",
    groups: ["acme-viewers"],
  },
];

const DEMO_GRANTS = {
  groups: {
    "fiberstream-admins": [{ role: "admin" }],
    "acme-viewers": [{ role: "viewer", tenant: "acme" }],
  },
};

const CLIENT_ID = "fiberstream-console";

export type SingleSignOn = {
  /** Settings of the console. */
  readonly settings: Readonly<Record<string, string>>;
  /** Starts the provider; it ends with `life`. */
  readonly start: (life: Life) => Promise<void>;
};

/** Plans single sign-on with an OpenID provider of this start, whose people are {@link DEMO_PEOPLE}. */
export function planSingleSignOn(config: LocalConfig): SingleSignOn {
  const grantsFile = join(stateFiles(config.stateDir).data, "single-sign-on", "grants.json");
  const consoleUrl = consoleAddress(config);
  const clientSecret = randomBytes(32).toString("base64url");
  return {
    settings: {
      // Who may do what is the point: without a session or a key nobody may do anything.
      AUTH_MODE: "keys",
      PUBLIC_URL: consoleUrl,
      OIDC_ISSUER: `http://127.0.0.1:${config.identityProviderPort}`,
      OIDC_CLIENT_ID: CLIENT_ID,
      OIDC_CLIENT_SECRET: clientSecret,
      OIDC_SCOPES: "openid profile email groups",
      OIDC_GRANTS_FILE: grantsFile,
    },
    start: async (life) => {
      mkdirSync(dirname(grantsFile), { recursive: true });
      writeFileSync(grantsFile, `${JSON.stringify(DEMO_GRANTS, null, 2)}\n`);
      life.own(
        await startIdentityProvider({
          port: config.identityProviderPort,
          clientId: CLIENT_ID,
          clientSecret,
          consoleUrl,
          people: () => DEMO_PEOPLE,
        }),
        (provider) => provider.close(),
      );
    },
  };
}

/** As browsers reach the console: they accept cookies that need TLS from localhost without it. */
export const consoleAddress = (config: LocalConfig): string =>
  `http://localhost:${config.consolePort}`;

/** What the start prints about signing in. */
export const signInWithProvider = (config: LocalConfig): string =>
  `${consoleAddress(config)}/sign-in  with the provider of this start: ${DEMO_PEOPLE.map(({ name }) => name).join("; ")}`;
