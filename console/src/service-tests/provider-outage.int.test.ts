import { createLife } from "@fiberstream/runtime/life";
import { startService } from "@fiberstream/testkit/service";
import { until } from "@fiberstream/testkit/until";
import { describe, expect, it } from "@jest/globals";
import { createCookieBrowser } from "./cookie-browser.ts";
import { startSignOnPlatform } from "./sign-on-fixture.ts";

const CALLBACK = /\/api\/v1\/auth\/oidc\/callback\?/;

describe("a provider that does not answer", () => {
  it("stops sign-ins with a page that says so, and no session", async () => {
    const life = createLife();
    try {
      const platform = await startSignOnPlatform(life);
      const browser = createCookieBrowser();
      const start = `${platform.consoleUrl}/api/v1/auth/oidc/start`;
      const asked = await browser.open(start, { until: CALLBACK });
      const form = { subject: "ada" };
      const { address } = await browser.open(asked.address, { form, until: CALLBACK });
      await browser.open(address);

      const late = createCookieBrowser();
      const askedLate = await late.open(start, { until: CALLBACK });
      const callback = await late.open(askedLate.address, { form, until: CALLBACK });
      await platform.closeProvider();
      const page = await late.open(callback.address);
      expect([page.status, page.headers.get("content-type")]).toEqual([
        503,
        "text/html; charset=utf-8",
      ]);
      expect(Number(page.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(page.text).toContain("PROVIDER_UNAVAILABLE");
      expect(page.text).toContain("Sessions that are open continue");

      const account = await browser.open(`${platform.consoleUrl}/account`);
      expect(account.text).toContain("You are signed in as");
      const metrics = await (await fetch(`${platform.console.service.adminUrl}/metrics`)).text();
      expect(metrics).toContain(
        'fiberstream_console_provider_sign_ins_total{outcome="unavailable"} 1',
      );
      // The check of /readyz is about the database only: without the provider the console still answers keys and sessions.
      expect((await fetch(`${platform.console.service.adminUrl}/readyz`)).status).toBe(200);
    } finally {
      await life.stop();
    }
  });

  it("is found when it is there again, without a restart", async () => {
    const life = createLife();
    try {
      const platform = await startSignOnPlatform(life);
      const { databaseUrl } = platform.console;
      const environment = {
        DATABASE_URL: databaseUrl,
        PUBLIC_URL: "http://localhost:1",
        OIDC_CLIENT_ID: "console",
        OIDC_GRANTS_FILE: platform.grantsFile,
      };
      // A path where no provider is: what is there answers 404.
      const wrong = life.own(
        await startService("console", { ...environment, OIDC_ISSUER: `${platform.issuer}/none` }),
        (owned) => owned.kill(),
      );
      const start = (url: string) => fetch(`${url}/api/v1/auth/oidc/start`, { redirect: "manual" });
      expect((await start(wrong.url)).status).toBe(503);
      await until(() => wrong.logs().includes("discovery failed"), {
        what: "the reason is logged",
      });

      const { port } = new URL(platform.issuer);
      await platform.closeProvider();
      const early = life.own(
        await startService("console", { ...environment, OIDC_ISSUER: platform.issuer }),
        (owned) => owned.kill(),
      );
      expect((await start(early.url)).status).toBe(503);
      life.own(await platform.startProvider(Number(port)), (owned) => owned.close());
      await until(async () => (await start(early.url)).status === 303, {
        what: "the provider is found",
      });
    } finally {
      await life.stop();
    }
  });

  it("is no reason not to start, but settings that miss something are", async () => {
    const life = createLife();
    try {
      const platform = await startSignOnPlatform(life);
      const incomplete = await startService(
        "console",
        { DATABASE_URL: platform.console.databaseUrl, OIDC_ISSUER: platform.issuer },
        { awaitReady: false },
      );
      await until(
        () =>
          incomplete
            .logs()
            .includes(
              "OIDC_ISSUER is set, but OIDC_CLIENT_ID, OIDC_GRANTS_FILE, PUBLIC_URL are not",
            ),
        { what: "the reason is logged" },
      );
      await incomplete.kill();
    } finally {
      await life.stop();
    }
  });
});
