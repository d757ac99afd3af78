import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createLife } from "@fiberstream/runtime/life";
import { until } from "@fiberstream/testkit/until";
import { totpAt } from "../access/sign-in/totp.ts";
import { startTestConsole, type TestConsole } from "./console-fixture.ts";
import {
  createBrowser,
  createLink,
  createPerson,
  entriesOf,
  outcomeOf,
  PASSWORD,
} from "./people-fixture.ts";

const life = createLife();
let running: TestConsole;
beforeAll(async () => {
  running = await startTestConsole(
    life,
    {
      AUTH_MODE: "keys",
      KEY_MAX_AGE_MS: "200",
      QUERY_RATE_PER_SECOND: "100000",
      QUERY_BURST: "100000",
    },
    { hasOwnRole: true },
  );
});
afterAll(() => life.stop());

/** Each test is an address of its own, as far as the count of tries goes. */
const forgetTries = () => running.pool.query("DELETE FROM sign_in_failures");
const browser = () => createBrowser(running);
const me = "/api/v1/auth/me";

describe("signing in", () => {
  it("begins a session in a cookie that scripts and other sites do not get, of which the database has only the hash", async () => {
    await createPerson(running.pool, "ada", [{ role: "viewer", tenant: "acme" }]);
    const ada = browser();
    expect(await outcomeOf(ada.ask(me))).toBe("401 MISSING_TOKEN");
    expect(await outcomeOf(ada.signIn("ADA"))).toBe("200");
    expect(ada.lastCookies()[0]).toMatch(
      /^fiberstream=[\w-]{59}; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    const answer = await ada.ask(me);
    expect(await answer.json()).toMatchObject({
      data: {
        name: "ada",
        kind: "local",
        grants: [{ role: "viewer", tenant: "acme", nodes: "*" }],
        permissions: { "metrics:read": [{ tenant: "acme", nodes: "*" }] },
      },
    });
    const { rows } = await running.pool.query<{ text: string }>(
      "SELECT sessions::text AS text FROM sessions",
    );
    expect(JSON.stringify(rows)).not.toContain(ada.cookies.get("fiberstream"));
  });

  it("has the cookie with the prefix __Host-, and Secure, when browsers reach it by TLS", async () => {
    const own = createLife();
    try {
      const tls = await startTestConsole(own, {
        AUTH_MODE: "keys",
        PUBLIC_URL: "https://console.example.net",
      });
      await createPerson(tls.pool, "ada");
      const ada = createBrowser(tls);
      const answer = await ada.ask("/api/v1/auth/sign-in", {
        method: "POST",
        headers: { origin: "https://console.example.net", "content-type": "application/json" },
        body: JSON.stringify({ name: "ada", password: PASSWORD }),
      });
      expect(answer.status).toBe(200);
      for (const cookie of ada.lastCookies()) {
        expect(cookie).toMatch(
          /^__Host-fiberstream(-device)?=[^;]+; Path=\/; HttpOnly; Secure; SameSite=Lax/,
        );
      }
      expect(ada.lastCookies()).toHaveLength(2);
    } finally {
      await own.stop();
    }
  });

  it("answers a wrong password, an unknown name, a disabled user and one without a password alike", async () => {
    await createPerson(running.pool, "eve");
    await createPerson(running.pool, "linkonly", [], null);
    const off = await createPerson(running.pool, "off");
    await running.pool.query("UPDATE users SET disabled_at = now() WHERE user_id = $1", [off]);
    const answers: unknown[] = [];
    for (const [name, password] of [
      ["eve", "not her password"],
      ["nobody", PASSWORD],
      ["off", PASSWORD],
      ["linkonly", PASSWORD],
    ] as const) {
      await forgetTries();
      const answer = await browser().signIn(name, password);
      expect(answer.headers.getSetCookie()).toEqual([]);
      const { detail, code } = (await answer.json()) as { detail: string; code: string };
      answers.push([answer.status, code, detail]);
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toEqual([401, "WRONG_CREDENTIALS", expect.any(String)]);
  });

  it("takes a new token each time, and the one before ends with its session only", async () => {
    await createPerson(running.pool, "fay");
    const fay = browser();
    // A token that somebody else has put into the browser is not taken over.
    fay.cookies.set("fiberstream", "A".repeat(59));
    await fay.signIn("fay");
    const first = fay.cookies.get("fiberstream");
    expect(first).not.toBe("A".repeat(59));
    await fay.signIn("fay");
    expect(fay.cookies.get("fiberstream")).not.toBe(first);
  });

  it("refuses a request of a page of another origin, and a body that a form can send", async () => {
    const stranger = browser();
    const body = JSON.stringify({ name: "ada", password: PASSWORD });
    const from = (headers: Record<string, string>) =>
      outcomeOf(stranger.ask("/api/v1/auth/sign-in", { method: "POST", headers, body }));
    expect(await from({ origin: "https://evil.example", "content-type": "application/json" })).toBe(
      "403 ORIGIN_NOT_ALLOWED",
    );
    expect(await from({ "content-type": "text/plain" })).toBe("415 UNSUPPORTED_MEDIA_TYPE");
  });
});

describe("tries that fail", () => {
  it("lock out after five, whoever tries, but not the browser of the owner; the log has them, not what was typed", async () => {
    await forgetTries();
    const userId = await createPerson(running.pool, "gil");
    const own = browser();
    expect(await outcomeOf(own.signIn("gil"))).toBe("200");
    const attacker = browser();
    const outcomes: string[] = [];
    for (let at = 0; at < 6; at++)
      outcomes.push(await outcomeOf(attacker.signIn("gil", `guess ${at}`)));
    expect(outcomes).toEqual([
      ...Array<string>(5).fill("401 WRONG_CREDENTIALS"),
      "429 TOO_MANY_TRIES",
    ]);
    const locked = await attacker.signIn("gil");
    expect(Number(locked.headers.get("retry-after"))).toBeGreaterThan(50);
    // From another browser the owner waits, too; from the one that is known not.
    expect(await outcomeOf(browser().signIn("gil"))).toBe("429 TOO_MANY_TRIES");
    expect(await outcomeOf(own.signIn("gil"))).toBe("200");
    await until(
      async () =>
        (await entriesOf(running.pool, userId)).some(({ action }) => action === "user.locked_out"),
      { what: "the lockout is logged" },
    );
    const entries = await entriesOf(running.pool, userId);
    expect(entries.map(({ action }) => action)).toContain("user.sign_in_failed");
    expect(JSON.stringify(entries)).not.toContain("guess");
  });

  it("wait longer and longer, at most a quarter of an hour", async () => {
    await forgetTries();
    const unknown = browser();
    const waits: number[] = [];
    for (let at = 0; at < 11; at++) {
      await unknown.signIn("no such person", "guess");
      const { rows } = await running.pool.query<{ seconds: number }>(
        `SELECT round(extract(epoch FROM locked_until - last_at))::integer AS seconds
         FROM sign_in_failures WHERE subject_kind = 'account'`,
      );
      waits.push(rows[0]?.seconds ?? -1);
      // The time of the lock has passed.
      await running.pool.query("UPDATE sign_in_failures SET locked_until = now()");
    }
    expect(waits).toEqual([0, 0, 0, 0, 60, 120, 240, 480, 900, 900, 900]);
  });

  it("are for a name as it is: no other spelling signs in, with a count of its own", async () => {
    await forgetTries();
    await createPerson(running.pool, "vicki");
    // PostgreSQL's lower() may make İ (U+0130) an i.
    for (const name of ["v\u0130ck\u0130", "vick\u0130"]) {
      expect(await outcomeOf(browser().signIn(name))).toBe("401 WRONG_CREDENTIALS");
    }
    expect(await outcomeOf(browser().signIn("VicKi"))).toBe("200");
  });

  it("that come at once are not more than five", async () => {
    await forgetTries();
    await createPerson(running.pool, "hal");
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, at) => outcomeOf(browser().signIn("hal", `guess ${at}`))),
    );
    const looked = outcomes.filter((outcome) => outcome === "401 WRONG_CREDENTIALS");
    expect(looked.length).toBeLessThanOrEqual(5);
    expect(new Set(outcomes)).toEqual(
      new Set(outcomes.filter((each) => /WRONG_CREDENTIALS|TOO_MANY_TRIES|OVERLOADED/.test(each))),
    );
    await forgetTries();
  });
});

describe("a one-time link", () => {
  it("signs in once, and then lets a forgotten password be set", async () => {
    await forgetTries();
    const userId = await createPerson(running.pool, "ida", [], null);
    const token = await createLink(running.pool, userId);
    const ida = browser();
    const use = () => outcomeOf(ida.send("POST", "/api/v1/auth/link", { token }));
    expect(await Promise.all([use(), use()]).then((all) => all.toSorted())).toEqual([
      "200",
      "401 WRONG_CREDENTIALS",
    ]);
    const set = (password: string) =>
      outcomeOf(ida.send("POST", "/api/v1/auth/password", { new_password: password }));
    expect(await set("short")).toBe("422 INVALID_FIELD");
    expect(await set("passwordpassword")).toBe("422 INVALID_FIELD");
    expect(await set("a new long secret")).toBe("200");
    expect(await outcomeOf(browser().signIn("ida", "a new long secret"))).toBe("200");
  });

  it("is refused when it is too old, or its user is disabled", async () => {
    const userId = await createPerson(running.pool, "jon", [], null);
    const old = await createLink(running.pool, userId, -1);
    const disabled = await createLink(running.pool, userId);
    await running.pool.query("UPDATE users SET disabled_at = now() WHERE user_id = $1", [userId]);
    for (const token of [old, disabled, "x"]) {
      expect(await outcomeOf(browser().send("POST", "/api/v1/auth/link", { token }))).toBe(
        "401 WRONG_CREDENTIALS",
      );
    }
  });
});

describe("a password", () => {
  it("is changed by who knows it; the other sessions end, and this one has a new token", async () => {
    await forgetTries();
    const userId = await createPerson(running.pool, "kim");
    const [here, elsewhere] = [browser(), browser()];
    await here.signIn("kim");
    await elsewhere.signIn("kim");
    const before = here.cookies.get("fiberstream") ?? "";
    const change = (current: string) =>
      outcomeOf(
        here.send("POST", "/api/v1/auth/password", {
          current_password: current,
          new_password: "another long secret",
        }),
      );
    expect(await change("not the password")).toBe("401 WRONG_CREDENTIALS");
    expect(await change(PASSWORD)).toBe("200");
    expect(await outcomeOf(here.ask(me))).toBe("200");
    expect(await outcomeOf(elsewhere.ask(me))).toBe("401 SESSION_ENDED");
    const old = await here.ask(me, { headers: { cookie: `fiberstream=${before}` } });
    expect(old.status).toBe(401);
    expect(await outcomeOf(browser().signIn("kim"))).toBe("401 WRONG_CREDENTIALS");
    const actions = (await entriesOf(running.pool, userId)).map(({ action }) => action);
    expect(actions).toEqual(
      expect.arrayContaining(["user.created", "user.signed_in", "user.changed", "session.ended"]),
    );
    const { rows } = await running.pool.query<{ text: string }>(
      "SELECT coalesce(string_agg(convert_from(entry, 'UTF8'), ''), '') AS text FROM audit_log",
    );
    expect(rows[0]?.text).not.toMatch(/scrypt|"kim"/);
  });
});

describe("an authenticator app", () => {
  const step = () => Math.floor(Date.now() / 30_000);

  it("is confirmed by a code, then needed; no code counts twice; a recovery code does once", async () => {
    await forgetTries();
    const userId = await createPerson(running.pool, "lea");
    const lea = browser();
    await lea.signIn("lea");
    const begin = (password: string) => lea.send("POST", "/api/v1/auth/totp", { password });
    expect(await outcomeOf(begin("not the password"))).toBe("401 WRONG_CREDENTIALS");
    const begun = (await (await begin(PASSWORD)).json()) as {
      data: { secret: string; url: string };
    };
    expect(begun.data.url).toContain(`secret=${begun.data.secret}`);
    const { rows } = await running.pool.query<{ totp_secret: Buffer }>(
      "SELECT totp_secret FROM users WHERE name = 'lea'",
    );
    const secret = rows[0]?.totp_secret ?? Buffer.alloc(0);
    const confirm = (code: string) => lea.send("POST", "/api/v1/auth/totp/confirm", { code });
    expect(await outcomeOf(confirm("000000x"))).toBe("401 WRONG_CREDENTIALS");
    // Not yet confirmed: not needed.
    expect(await outcomeOf(browser().signIn("lea"))).toBe("200");
    const before = lea.cookies.get("fiberstream");
    const used = totpAt(secret, step());
    const confirmed = (await (await confirm(used)).json()) as {
      data: { recovery_codes: string[] };
    };
    expect(confirmed.data.recovery_codes).toHaveLength(10);
    expect(lea.cookies.get("fiberstream")).not.toBe(before);

    expect(await outcomeOf(browser().signIn("lea"))).toBe("401 CODE_REQUIRED");
    expect(await outcomeOf(browser().signIn("lea", PASSWORD, used))).toBe("401 WRONG_CREDENTIALS");
    const [recovery = ""] = confirmed.data.recovery_codes;
    const outcomes = await Promise.all(
      [1, 2].map(() => outcomeOf(browser().signIn("lea", PASSWORD, recovery.toLowerCase()))),
    );
    expect(outcomes.toSorted()).toEqual(["200", "401 WRONG_CREDENTIALS"]);
    // Of the next step: within the tolerance, and later than the one that was used.
    expect(await outcomeOf(browser().signIn("lea", PASSWORD, totpAt(secret, step() + 1)))).toBe(
      "200",
    );

    // A one-time link does not stand for it.
    const token = await createLink(running.pool, userId);
    const use = (code?: string) =>
      outcomeOf(browser().send("POST", "/api/v1/auth/link", { token, ...(code && { code }) }));
    expect(await use()).toBe("401 CODE_REQUIRED");
    expect(await use(confirmed.data.recovery_codes[1])).toBe("200");

    const remove = { password: PASSWORD, code: confirmed.data.recovery_codes[2] };
    expect(await outcomeOf(lea.send("POST", "/api/v1/auth/totp/remove", remove))).toBe("200");
    expect(await outcomeOf(browser().signIn("lea"))).toBe("200");
  });

  it("has codes that nobody guesses who knows the password: five wrong ones lock, whatever comes between", async () => {
    await forgetTries();
    const userId = await createPerson(running.pool, "max");
    const max = browser();
    await max.signIn("max");
    await max.send("POST", "/api/v1/auth/totp", { password: PASSWORD });
    await running.pool.query("UPDATE users SET totp_confirmed_at = now() WHERE user_id = $1", [
      userId,
    ]);
    for (let at = 0; at < 5; at++) {
      // Each try comes from another address.
      await running.pool.query("DELETE FROM sign_in_failures WHERE subject_kind = 'address'");
      expect(await outcomeOf(browser().signIn("max"))).toBe("401 CODE_REQUIRED");
      expect(await outcomeOf(browser().signIn("max", PASSWORD, "000000x"))).toBe(
        "401 WRONG_CREDENTIALS",
      );
    }
    await running.pool.query("DELETE FROM sign_in_failures WHERE subject_kind = 'address'");
    expect(await outcomeOf(browser().signIn("max"))).toBe("429 TOO_MANY_TRIES");

    await forgetTries();
    const remove = () =>
      outcomeOf(
        max.send("POST", "/api/v1/auth/totp/remove", { password: PASSWORD, code: "000000x" }),
      );
    for (let at = 0; at < 5; at++) expect(await remove()).toBe("401 WRONG_CREDENTIALS");
    expect(await remove()).toBe("429 TOO_MANY_TRIES");
    const failed = async () =>
      (await entriesOf(running.pool, userId)).filter(
        ({ action, actor }) => action === "user.locked_out" && actor === userId,
      );
    await until(async () => (await failed()).length > 0, { what: "the lockout is logged" });
  });

  it("does not make who types the password first, and then the code, wait", async () => {
    await forgetTries();
    const userId = await createPerson(running.pool, "nat");
    await running.pool.query(
      "UPDATE users SET totp_secret = $2, totp_confirmed_at = now() WHERE user_id = $1",
      [userId, Buffer.alloc(20, 7)],
    );
    for (let at = 0; at < 4; at++) await browser().signIn("nat", "guess");
    expect(await outcomeOf(browser().signIn("nat"))).toBe("401 CODE_REQUIRED");
    const code = totpAt(Buffer.alloc(20, 7), step());
    expect(await outcomeOf(browser().signIn("nat", PASSWORD, code))).toBe("200");
  });
});

describe("a session", () => {
  it("ends when its person signs out, and the cookie goes", async () => {
    await forgetTries();
    await createPerson(running.pool, "mia");
    const mia = browser();
    await mia.signIn("mia");
    const token = mia.cookies.get("fiberstream") ?? "";
    expect(await outcomeOf(mia.send("POST", "/api/v1/auth/sign-out"))).toBe("200");
    expect(mia.cookies.has("fiberstream")).toBe(false);
    const again = await mia.ask(me, { headers: { cookie: `fiberstream=${token}` } });
    expect(await outcomeOf(again)).toBe("401 SESSION_ENDED");
  });

  it("is one of a list, of which its person ends the others", async () => {
    await createPerson(running.pool, "nil");
    const [here, elsewhere, third] = [browser(), browser(), browser()];
    for (const each of [here, elsewhere, third]) await each.signIn("nil");
    const listed = (await (await here.ask("/api/v1/auth/sessions")).json()) as {
      data: { session_id: string; is_this: boolean }[];
    };
    expect(listed.data.map((each) => each.is_this)).toEqual([false, false, true]);
    const path = `/api/v1/auth/sessions/${listed.data[0]?.session_id}`;
    expect(await outcomeOf(here.send("DELETE", path))).toBe("200");
    expect(await outcomeOf(here.send("DELETE", path))).toBe("404 NO_SUCH_SESSION");
    expect(await outcomeOf(third.ask(me))).toBe("401 SESSION_ENDED");
    // Not those of others.
    const other = browser();
    await createPerson(running.pool, "oda");
    await other.signIn("oda");
    const own = `/api/v1/auth/sessions/${listed.data[2]?.session_id}`;
    expect(await outcomeOf(other.send("DELETE", own))).toBe("404 NO_SUCH_SESSION");
    expect(await (await here.send("DELETE", "/api/v1/auth/sessions")).json()).toEqual({
      data: { ended: 1 },
    });
    expect(await outcomeOf(elsewhere.ask(me))).toBe("401 SESSION_ENDED");
  });

  it.each([
    ["after 8 hours without use", "last_seen_at = now() - interval '8 hours'"],
    ["after a day", "expires_at = now()"],
  ])("ends %s", async (_, change) => {
    const name = `pat${change.length}`;
    const userId = await createPerson(running.pool, name);
    const pat = browser();
    await pat.signIn(name);
    expect(await outcomeOf(pat.ask(me))).toBe("200");
    await running.pool.query(`UPDATE sessions SET ${change} WHERE user_id = $1`, [userId]);
    await until(async () => (await pat.ask(me)).status === 401, { what: "the session has ended" });
  });

  it("changes something only for a page of the console itself", async () => {
    await createPerson(running.pool, "quy");
    const quy = browser();
    await quy.signIn("quy");
    const cookie = `fiberstream=${quy.cookies.get("fiberstream")}`;
    const create = (headers: Record<string, string>) =>
      fetch(`${running.service.url}/api/v1/auth/tokens`, {
        method: "POST",
        headers: { cookie, ...headers },
        body: "{}",
      }).then(outcomeOf);
    const json = { "content-type": "application/json" };
    const { url } = running.service;
    expect(await create({ ...json, "sec-fetch-site": "cross-site" })).toBe(
      "403 ORIGIN_NOT_ALLOWED",
    );
    expect(await create({ ...json, "sec-fetch-site": "same-site", origin: url })).toBe(
      "403 ORIGIN_NOT_ALLOWED",
    );
    expect(await create({ ...json, origin: "null" })).toBe("403 ORIGIN_NOT_ALLOWED");
    expect(await create({ ...json, origin: url.replace("http:", "ftp:") })).toBe(
      "403 ORIGIN_NOT_ALLOWED",
    );
    expect(await create({ origin: url, "content-type": "text/plain" })).toBe(
      "415 UNSUPPORTED_MEDIA_TYPE",
    );
    expect(await create({ ...json, origin: url })).toBe("201");
  });
});
