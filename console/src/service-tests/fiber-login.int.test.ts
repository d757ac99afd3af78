import { createHash, randomBytes } from "node:crypto";
import { readCredentials, writeCredentials } from "@fiberstream/cli/login/credentials-file";
import { logIn } from "@fiberstream/cli/login/log-in";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createCookieBrowser } from "./cookie-browser.ts";
import { startSignOnPlatform, type SignOnPlatform } from "./sign-on-fixture.ts";

let life: Life;
let platform: SignOnPlatform;
beforeAll(async () => {
  life = createLife();
  platform = await startSignOnPlatform(life);
});
afterAll(() => life.stop());

/** Opens a page as somebody who has to sign in first. */
async function signedInAt(address: string, person: string) {
  const browser = createCookieBrowser();
  const page = await browser.open(address);
  const start = /href="(\/api\/v1\/auth\/oidc\/start[^"]+)"/.exec(page.text)?.[1] ?? "";
  const asked = await browser.open(`${platform.consoleUrl}${start.replaceAll("&amp;", "&")}`);
  const opened = await browser.open(asked.address, { form: { subject: person } });
  return { browser, opened };
}

const fieldsOf = (text: string): Record<string, string> =>
  Object.fromEntries(
    Array.from(
      text.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)"/g),
      ([, name, value]) => [name ?? "", value ?? ""],
    ),
  );

describe("fiber login", () => {
  it("gets a token of the person who allows it in a browser, which ends with its revocation", async () => {
    const shown = Promise.withResolvers<string>();
    const signedIn = logIn({
      console: platform.consoleUrl,
      isPasted: false,
      say: (text) => shown.resolve(/http\S+/.exec(text)?.[0] ?? ""),
    });
    const { browser, opened } = await signedInAt(await shown.promise, "vik");
    expect(opened.text).toContain('<strong id="name">Vik</strong>');
    const port = new URL(await shown.promise).searchParams.get("port") ?? "";
    expect(opened.headers.get("content-security-policy")).toContain(
      `form-action 'self' http://127.0.0.1:${port};`,
    );
    const page = await browser.open(`${platform.consoleUrl}/sign-in/fiber`, {
      form: fieldsOf(opened.text),
    });
    expect(page.text).toContain("You are signed in");
    const credentials = await signedIn;
    expect(Date.parse(credentials.expiresAt) - Date.now()).toBeLessThan(31 * 86_400_000);

    const folder = mkdtempSync(join(tmpdir(), "fiberstream-login-"));
    try {
      const path = join(folder, "fiberstream", "credentials.json");
      writeCredentials(path, credentials);
      expect(readCredentials(path)).toEqual(credentials);
    } finally {
      rmSync(folder, { recursive: true });
    }
    const ask = (route: string, method = "GET") =>
      fetch(`${platform.consoleUrl}${route}`, {
        method,
        headers: { authorization: `Bearer ${credentials.token}` },
      });
    const me = (await (await ask("/api/v1/auth/me")).json()) as { data: object };
    expect(me.data).toMatchObject({
      name: "Vik",
      grants: [{ role: "viewer", tenant: "acme", nodes: "*" }],
    });
    expect((await ask("/api/v1/nodes")).status).toBe(200);
    expect((await ask(`/api/v1/auth/tokens/${credentials.tokenId}`, "DELETE")).status).toBe(200);
    expect((await ask("/api/v1/nodes")).status).toBe(401);
  });

  it("gets nothing for a code of another program, one that was used, or one that was made up", async () => {
    const verifier = randomBytes(32).toString("base64url");
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    const address = `${platform.consoleUrl}/sign-in/fiber?${new URLSearchParams({ challenge, host: "laptop" }).toString()}`;
    const { browser, opened } = await signedInAt(address, "vik");
    const code = async () => {
      const { text } = await browser.open(`${platform.consoleUrl}/sign-in/fiber`, {
        form: fieldsOf(opened.text),
      });
      return /<code id="code">([\w-]+)<\/code>/.exec(text)?.[1] ?? "";
    };
    const redeem = async (given: object) => {
      const answer = await fetch(`${platform.consoleUrl}/api/v1/auth/fiber/token`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(given),
      });
      return answer.status;
    };
    const made = randomBytes(32).toString("base64url");
    expect(await redeem({ code: made, verifier })).toBe(400);
    const first = await code();
    expect(await redeem({ code: first, verifier: made })).toBe(400);
    // The wrong secret has used it up.
    expect(await redeem({ code: first, verifier })).toBe(400);
    const second = await code();
    await platform.console.pool.query("UPDATE login_codes SET expires_at = now()");
    expect(await redeem({ code: second, verifier })).toBe(400);
    const third = await code();
    expect(await redeem({ code: third, verifier })).toBe(200);
    expect(await redeem({ code: third, verifier })).toBe(400);
  });

  it("shows no page for a link that is not one of it, and takes no form of another origin", async () => {
    const browser = createCookieBrowser();
    for (const query of ["", "challenge=x", `challenge=${"a".repeat(43)}&port=80`]) {
      const page = await browser.open(`${platform.consoleUrl}/sign-in/fiber?${query}`);
      expect([query, page.status]).toEqual([query, 422]);
    }
    const forged = await fetch(`${platform.consoleUrl}/sign-in/fiber`, {
      method: "POST",
      headers: { origin: "https://evil.example" },
      body: new URLSearchParams({ challenge: "a".repeat(43) }),
    });
    expect(forged.status).toBe(403);
  });
});
