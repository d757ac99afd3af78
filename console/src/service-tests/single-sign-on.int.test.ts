import { createLife, type Life } from "@fiberstream/runtime/life";
import { until } from "@fiberstream/testkit/until";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { type CookieBrowser, createCookieBrowser, type Opened } from "./cookie-browser.ts";
import { CLIENT_ID, GRANTS, startSignOnPlatform, type SignOnPlatform } from "./sign-on-fixture.ts";

let life: Life;
let platform: SignOnPlatform;
let browser: CookieBrowser;
beforeAll(async () => {
  life = createLife();
  platform = await startSignOnPlatform(life);
});
afterAll(() => life.stop());
beforeEach(() => {
  browser = createCookieBrowser();
});
afterEach(() => {
  platform.bending.bend = undefined;
  platform.writeGrants(GRANTS);
});

const START = "/api/v1/auth/oidc/start";
const CALLBACK = /\/api\/v1\/auth\/oidc\/callback\?/;

/** Begins at the console and signs in at the provider. Ends at the callback's address, without opening it. */
async function toCallback(person: string, path = START): Promise<string> {
  const page = await browser.open(`${platform.consoleUrl}${path}`, { until: CALLBACK });
  if (CALLBACK.test(page.address)) return page.address;
  expect(page.text).toContain("Who are you?");
  const { address } = await browser.open(page.address, {
    form: { subject: person },
    until: CALLBACK,
  });
  return address;
}
const signIn = async (person: string, path?: string): Promise<Opened> =>
  browser.open(await toCallback(person, path));
const account = (): Promise<Opened> => browser.open(`${platform.consoleUrl}/account`);
const isSignedIn = async () => (await account()).text.includes("You are signed in as");
const metric = async (name: string, outcome: string): Promise<number> => {
  const text = await (await fetch(`${platform.console.service.adminUrl}/metrics`)).text();
  const value = new RegExp(`${name}\\{outcome="${outcome}"\\} (\\d+)`).exec(text)?.[1];
  return Number(value);
};
const signIns = (outcome: string) => metric("fiberstream_console_provider_sign_ins_total", outcome);

describe("a sign-in at the provider", () => {
  it("uses the code flow with PKCE, state and nonce, and leads back to the page that was wanted", async () => {
    const asked = await browser.open(`${platform.consoleUrl}${START}?return=/docs%3Fx`, {
      until: /\/auth\?/,
    });
    const parameters = Object.fromEntries(new URL(asked.address).searchParams);
    expect(parameters).toMatchObject({
      response_type: "code",
      client_id: CLIENT_ID,
      redirect_uri: `${platform.consoleUrl}/api/v1/auth/oidc/callback`,
      code_challenge_method: "S256",
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    });
    const cookie = asked.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^fiberstream-flow=.*Path=\/; HttpOnly; SameSite=Lax$/);
    const ended = await signIn("ada", `${START}?return=/docs%3Fx`);
    expect(ended.address).toBe(`${platform.consoleUrl}/docs?x`);
    expect(browser.cookies(platform.consoleUrl).has("fiberstream-flow")).toBe(false);
  });

  it("leads to no other host afterwards", async () => {
    const ended = await signIn("ada", `${START}?return=%2F%2Fevil.example%2F`);
    expect(ended.address).toBe(`${platform.consoleUrl}/account`);
  });

  it("makes the person at the first time, with name and grants of the groups, which change with the groups", async () => {
    const first = await signIn("ada");
    // What a provider sends as a name is text.
    expect(first.text).toContain('<strong id="name">Ada &lt;b>Admin&lt;/b></strong>');
    expect(first.text).toContain("<td>admin</td>");
    const ada = platform.people.findIndex(({ subject }) => subject === "ada");
    const before = platform.people[ada];
    if (before === undefined) throw new Error("no ada");
    platform.people[ada] = { ...before, name: "Ada Renamed", groups: ["acme"] };
    try {
      browser = createCookieBrowser();
      const second = await signIn("ada");
      expect(second.text).toContain("Ada Renamed");
      expect(second.text).toContain("<td>viewer</td><td>acme</td>");
      expect(second.text).not.toContain("<td>admin</td>");
    } finally {
      platform.people[ada] = before;
    }
    const { rows } = await platform.console.pool.query(
      "SELECT kind, issuer FROM users WHERE subject = 'ada'",
    );
    expect(rows).toEqual([{ kind: "oidc", issuer: platform.issuer }]);
  });

  it("keeps grants that an admin has given, and replaces those of groups only when they differ", async () => {
    await signIn("vik");
    const { pool } = platform.console;
    const grantIds = async () =>
      (
        await pool.query<{ grant_id: string }>(
          `SELECT grant_id::text FROM grants JOIN users USING (user_id) WHERE subject = 'vik' AND source = 'oidc'`,
        )
      ).rows;
    const before = await grantIds();
    await pool.query(
      `INSERT INTO grants (user_id, role, tenant, source) SELECT user_id, 'operator', 'other', 'local' FROM users WHERE subject = 'vik'`,
    );
    browser = createCookieBrowser();
    const page = await signIn("vik");
    expect(page.text).toContain("<td>operator</td><td>other</td>");
    expect(await grantIds()).toEqual(before);
  });

  it("is refused to a person without a grant, or whom an admin has disabled", async () => {
    const before = await signIns("refused");
    await signIn("vik");
    browser = createCookieBrowser();
    const page = await signIn("nobody");
    expect([page.status, page.text]).toEqual([403, expect.stringContaining("SIGN_IN_REFUSED")]);
    expect(await isSignedIn()).toBe(false);
    await platform.console.pool.query("UPDATE users SET disabled_at = now() WHERE subject = 'vik'");
    browser = createCookieBrowser();
    expect((await signIn("vik")).status).toBe(403);
    await platform.console.pool.query("UPDATE users SET disabled_at = NULL WHERE subject = 'vik'");
    expect(await signIns("refused")).toBe(before + 2);
  });

  it("uses the last valid file of grants while the one of now is not", async () => {
    platform.writeGrants("{");
    expect((await signIn("ada")).text).toContain("<td>admin</td>");
    const metrics = await (await fetch(`${platform.console.service.adminUrl}/metrics`)).text();
    expect(metrics).toContain("fiberstream_console_grants_file_valid 0");
    expect(platform.console.service.logs()).toContain("invalid grants of groups ignored");
  });
});

describe("a callback that is not the answer to this browser's sign-in", () => {
  const isRefused = async (page: Opened, outcome: string, before: number) => {
    expect([page.status, page.text]).toEqual([400, expect.stringContaining("SIGN_IN_FAILED")]);
    expect(await isSignedIn()).toBe(false);
    expect(await signIns(outcome)).toBe(before + 1);
  };

  it("has another state", async () => {
    const before = await signIns("expired");
    const address = new URL(await toCallback("ada"));
    address.searchParams.set("state", "x".repeat(43));
    await isRefused(await browser.open(address.href), "expired", before);
  });

  it("comes to another browser", async () => {
    const before = await signIns("expired");
    const address = await toCallback("ada");
    browser = createCookieBrowser();
    await isRefused(await browser.open(address), "expired", before);
  });

  it("names another issuer", async () => {
    const before = await signIns("forged");
    const address = new URL(await toCallback("ada"));
    expect(address.searchParams.get("iss")).toBe(platform.issuer);
    address.searchParams.set("iss", "https://evil.example");
    await isRefused(await browser.open(address.href), "forged", before);
  });

  it("has a code that was used before", async () => {
    const address = await toCallback("ada");
    const flow = new Map(browser.cookies(platform.consoleUrl));
    expect((await browser.open(address)).status).toBe(200);
    const before = await signIns("replayed");
    const again = await fetch(address, {
      headers: { cookie: Array.from(flow, ([name, value]) => `${name}=${value}`).join("; ") },
    });
    expect([again.status, again.headers.getSetCookie()]).toEqual([400, []]);
    expect(await signIns("replayed")).toBe(before + 1);
  });

  it("says that the person has cancelled", async () => {
    const before = await signIns("denied");
    const address = new URL(await toCallback("ada"));
    address.searchParams.delete("code");
    address.searchParams.set("error", "access_denied");
    await isRefused(await browser.open(address.href), "denied", before);
  });

  const without = (payload: JWTPayload, name: string) =>
    Object.fromEntries(Object.entries(payload).filter(([claim]) => claim !== name));
  const secondsNow = () => Math.floor(Date.now() / 1_000);
  const resigned = (change: (payload: JWTPayload) => JWTPayload) => (payload: JWTPayload) =>
    platform.sign(change(payload));
  it.each<[string, (payload: JWTPayload) => Promise<string>]>([
    ["another nonce", resigned((payload) => ({ ...payload, nonce: "another" }))],
    ["no nonce", resigned((payload) => without(payload, "nonce"))],
    ["a foreign issuer", resigned((payload) => ({ ...payload, iss: "https://evil.example" }))],
    ["another audience", resigned((payload) => ({ ...payload, aud: "another-client" }))],
    ["a time that has passed", resigned((payload) => ({ ...payload, exp: secondsNow() - 60 }))],
    ["no person", resigned((payload) => without(payload, "sub"))],
    [
      "no signature",
      (payload) => {
        const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
        return Promise.resolve(`${part({ alg: "none" })}.${part(payload)}.`);
      },
    ],
    [
      "a signature with a key that is not the provider's",
      async (payload) => {
        const { privateKey } = await generateKeyPair("RS256");
        return new SignJWT(payload)
          .setProtectedHeader({ alg: "RS256", kid: "key-1" })
          .sign(privateKey);
      },
    ],
    [
      "a signature with the client's secret",
      (payload) =>
        new SignJWT(payload)
          .setProtectedHeader({ alg: "HS256", kid: "key-1" })
          .sign(Buffer.from("a secret of the tests")),
    ],
  ])("gets an ID token with %s", async (_, bend) => {
    const before = await signIns("forged");
    const address = await toCallback("ada");
    platform.bending.bend = bend;
    await isRefused(await browser.open(address), "forged", before);
  });

  it("passes with a clock that is a little off", async () => {
    const address = await toCallback("ada");
    platform.bending.bend = resigned((payload) => ({
      ...payload,
      iat: secondsNow() + 20,
      exp: secondsNow() - 10,
    }));
    expect((await browser.open(address)).status).toBe(200);
  });
});

describe("a sign-out", () => {
  it("ends the session here and leads to the provider, which asks and leads back", async () => {
    await signIn("ada");
    const page = await browser.open(`${platform.consoleUrl}/sign-out`, { form: {} });
    expect(await isSignedIn()).toBe(false);
    expect(page.address).toContain(`${platform.issuer}/session/end?`);
    const action = /action="([^"]+)"/.exec(page.text)?.[1] ?? "";
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? "";
    const ended = await browser.open(action, { form: { xsrf, logout: "yes" } });
    expect(ended.address).toBe(`${platform.consoleUrl}/signed-out`);
    // The provider's session has ended, too: it asks who it is.
    const again = await browser.open(`${platform.consoleUrl}${START}`, { until: CALLBACK });
    expect(again.text).toContain("Who are you?");
  });

  it("is not caused by a page of another origin", async () => {
    await signIn("ada");
    const cookies = browser.cookies(platform.consoleUrl);
    const forged = await fetch(`${platform.consoleUrl}/sign-out`, {
      method: "POST",
      redirect: "manual",
      headers: {
        origin: "https://evil.example",
        cookie: Array.from(cookies, ([name, value]) => `${name}=${value}`).join("; "),
      },
      body: new URLSearchParams(),
    });
    expect(forged.status).toBe(403);
    expect(await isSignedIn()).toBe(true);
  });
});

describe("a logout that the provider sends", () => {
  const EVENT = "http://schemas.openid.net/event/backchannel-logout";
  const LOGOUT = "/api/v1/auth/oidc/backchannel-logout";
  const logouts = (outcome: string) =>
    metric("fiberstream_console_provider_logouts_total", outcome);
  const tokenOf = (change: object = {}) => {
    const iat = Math.floor(Date.now() / 1_000);
    const payload = {
      iss: platform.issuer,
      aud: CLIENT_ID,
      iat,
      exp: iat + 120,
      jti: crypto.randomUUID(),
      sub: "ada",
      events: { [EVENT]: {} },
    };
    return { ...payload, ...change };
  };
  const send = (token: string) =>
    fetch(`${platform.consoleUrl}${LOGOUT}`, {
      method: "POST",
      body: new URLSearchParams({ logout_token: token }),
    });
  const sidOf = async () => {
    const { rows } = await platform.console.pool.query<{ sid: string }>(
      "SELECT id_token_sid AS sid FROM sessions JOIN users USING (user_id) WHERE subject = 'ada' ORDER BY sessions.created_at DESC LIMIT 1",
    );
    return rows[0]?.sid;
  };
  const untilSignedOut = () =>
    until(async () => !(await isSignedIn()), { what: "the session has ended" });

  it("ends the one session that it names, wherever the person signs out", async () => {
    await signIn("ada");
    const other = browser;
    browser = createCookieBrowser();
    await signIn("ada");
    // In this browser at the provider, without the console.
    const page = await browser.open(`${platform.issuer}/session/end`);
    const action = /action="([^"]+)"/.exec(page.text)?.[1] ?? "";
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? "";
    await browser.open(action, { form: { xsrf, logout: "yes" } });
    await untilSignedOut();
    browser = other;
    expect(await isSignedIn()).toBe(true);
    expect(await logouts("ended")).toBeGreaterThan(0);
  });

  it("ends all sessions of a person, once", async () => {
    await signIn("ada");
    const token = await platform.sign(tokenOf(), { typ: "logout+jwt" });
    const first = await send(token);
    expect([first.status, first.headers.get("cache-control")]).toEqual([200, "no-store"]);
    await untilSignedOut();
    const before = await logouts("replayed");
    const again = await send(token);
    expect([again.status, await again.json()]).toEqual([
      400,
      { error: "invalid_request", error_description: "the token was used before" },
    ]);
    expect(await logouts("replayed")).toBe(before + 1);
  });

  it("is rejected unless every claim is right", async () => {
    await signIn("ada");
    const sid = await sidOf();
    const iat = Math.floor(Date.now() / 1_000);
    const cases: [object, { typ?: string }?][] = [
      [{ iss: "https://evil.example" }],
      [{ aud: "another-client" }],
      [{ iat: iat - 600, exp: iat + 60 }],
      [{ exp: iat - 60 }],
      [{ exp: undefined }],
      [{ iat: undefined }],
      [{ iat: iat + 600 }],
      [{ jti: undefined }],
      [{ jti: "x".repeat(300) }],
      [{ sub: undefined, sid: undefined }],
      [{ nonce: "n" }],
      [{ events: undefined }],
      [{ events: { other: {} } }],
      [{ events: { [EVENT]: true } }],
      [{}, { typ: "at+jwt" }],
    ];
    const before = await logouts("invalid");
    for (const [change, header] of cases) {
      const answer = await send(await platform.sign(tokenOf({ sid, ...change }), header));
      expect([JSON.stringify(change), answer.status]).toEqual([JSON.stringify(change), 400]);
    }
    const { privateKey } = await generateKeyPair("RS256");
    const foreign = new SignJWT(tokenOf()).setProtectedHeader({ alg: "RS256", kid: "key-1" });
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const others = [
      await foreign.sign(privateKey),
      `${part({ alg: "none" })}.${part(tokenOf())}.`,
      "x",
      "",
      "x".repeat(20_000),
    ];
    for (const token of others) expect((await send(token)).status).toBe(400);
    expect(await logouts("invalid")).toBe(before + cases.length + others.length);
    expect(await isSignedIn()).toBe(true);
  });

  it("is rejected when it is no form, or too large", async () => {
    const json = await fetch(`${platform.consoleUrl}${LOGOUT}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect([json.status, json.headers.get("content-type")]).toEqual([
      415,
      "application/problem+json",
    ]);
    expect((await send("x".repeat(70_000))).status).toBe(413);
  });
});
