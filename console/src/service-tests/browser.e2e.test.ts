import { logIn } from "@fiberstream/cli/login/log-in";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { ensureBrowser } from "@fiberstream/testkit/browser";
import { until } from "@fiberstream/testkit/until";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { createPasswords } from "../access/sign-in/passwords.ts";
import { startSignOnPlatform, type SignOnPlatform } from "./sign-on-fixture.ts";

const found = await ensureBrowser();
const skipReason = "missing" in found ? ` (${found.missing})` : "";
const inBrowser = skipReason === "" ? it : it.skip;

let life: Life;
let platform: SignOnPlatform;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** What the browser complains about, e.g. a form that the page's policy forbids. */
let complaints: string[];

beforeAll(async () => {
  life = createLife();
  if ("missing" in found) return;
  platform = await startSignOnPlatform(life);
  browser = life.own(
    await chromium.launch({
      executablePath: found.path,
      // Chromium's own sandbox does not run as root.
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
    }),
    (owned) => owned.close(),
  );
});
afterAll(() => life.stop());
beforeEach(async () => {
  if ("missing" in found) return;
  complaints = [];
  context = await browser.newContext();
  page = await newPage();
});
afterEach(() => ("missing" in found ? undefined : context.close()));

const newPage = async (): Promise<Page> => {
  const opened = await context.newPage();
  opened.on("console", (message) => {
    // The browser asks for an icon, which there is none of.
    if (!message.location().url.endsWith("/favicon.ico")) complaints.push(message.text());
  });
  return opened;
};
const at = (path: string) => `${platform.consoleUrl}${path}`;
const signInAtProvider = async (name: RegExp) => {
  await page.goto(at("/"));
  await page.getByRole("link", { name: "Sign in with Example ID" }).click();
  await page.getByRole("button", { name }).click();
  await page.waitForURL(at("/account"));
};

describe("in a real browser", () => {
  inBrowser(
    `a person signs in at the provider, sees who they are, and signs out${skipReason}`,
    async () => {
      await signInAtProvider(/^Ada/);
      expect(await page.locator("#name").textContent()).toBe("Ada <b>Admin</b>");
      expect(await page.getByRole("cell", { name: "admin", exact: true }).count()).toBe(1);

      const cookies = (await context.cookies()).filter(({ name }) => name === "fiberstream");
      expect(cookies).toEqual([
        expect.objectContaining({
          domain: "localhost",
          path: "/",
          httpOnly: true,
          sameSite: "Lax",
        }),
      ]);
      // No script sees it, and the page has none.
      expect(await page.evaluate("document.cookie")).not.toContain("fiberstream");
      expect(await page.locator("script").count()).toBe(0);

      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("button", { name: "Sign out of the identity provider" }).click();
      await page.waitForURL(at("/signed-out"));
      await page.goto(at("/account"));
      expect(page.url()).toContain("/sign-in?");
      expect(complaints).toEqual([]);
    },
    120_000,
  );

  inBrowser(
    `a logout at the provider ends the session${skipReason}`,
    async () => {
      await signInAtProvider(/^Vik/);
      const atProvider = await newPage();
      await atProvider.goto(`${platform.issuer}/session/end`);
      await atProvider.getByRole("button", { name: "Sign out of the identity provider" }).click();
      await until(
        async () => {
          await page.goto(at("/account"));
          return page.url().includes("/sign-in?");
        },
        { what: "the session has ended" },
      );
    },
    120_000,
  );

  inBrowser(
    `a person signs in by a password, and fiber by a person${skipReason}`,
    async () => {
      const password = "a long password of nobody";
      const { pool } = platform.console;
      const hash = await createPasswords().inTurn("test", (scrypt) => scrypt.hash(password));
      await pool.query(
        `WITH made AS (INSERT INTO users (kind, name, password_hash) VALUES ('local', 'lea', $1) RETURNING user_id)
       INSERT INTO grants (user_id, role) SELECT user_id, 'viewer' FROM made`,
        [hash],
      );
      const shown = Promise.withResolvers<string>();
      const login = logIn({
        console: platform.consoleUrl,
        isPasted: false,
        say: (text) => shown.resolve(/http\S+/.exec(text)?.[0] ?? ""),
      });
      await page.goto(await shown.promise);
      const enter = async (secret: string) => {
        await page.getByLabel("Name").fill("lea");
        await page.getByLabel("Password", { exact: true }).fill(secret);
        await page.getByRole("button", { name: "Sign in" }).click();
      };
      await enter("a wrong password");
      expect(await page.getByRole("alert").textContent()).toContain("is wrong");
      await enter(password);
      await page.getByRole("button", { name: "Allow" }).click();
      await page.getByText("You are signed in.").waitFor();
      expect((await login).token).toMatch(/^fsp_/);

      await page.goto(at("/account"));
      expect(await page.locator("#name").textContent()).toBe("lea");
      expect(await page.getByRole("cell", { name: "this one" }).count()).toBe(1);
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.waitForURL(at("/signed-out"));
      // The wrong password is an answer with status 401, which browsers report.
      expect(complaints.filter((text) => !text.includes("401"))).toEqual([]);
    },
    120_000,
  );
});
