import { createLife, type Life } from "@fiberstream/runtime/life";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startSignOnPlatform, type SignOnPlatform } from "./sign-on-fixture.ts";

let life: Life;
let behind: SignOnPlatform;
let elsewhere: SignOnPlatform;
beforeAll(async () => {
  life = createLife();
  behind = await startSignOnPlatform(life, { TRUSTED_PROXIES: "10.0.0.5,127.0.0.0/8" });
  elsewhere = await startSignOnPlatform(life, { TRUSTED_PROXIES: "10.0.0.5" });
});
afterAll(() => life.stop());

const VIK = { "x-forwarded-user": "vik", "x-forwarded-groups": "acme,unknown" };
const at = ({ console }: SignOnPlatform, path: string, init: RequestInit = {}) =>
  console.ask(path, { headers: VIK, ...init });

describe("behind a proxy that signs people in", () => {
  it("a request is of the person whom the proxy names, with the grants of the groups", async () => {
    const me = await at(behind, "/api/v1/auth/me");
    expect(me.status).toBe(200);
    expect(await me.json()).toMatchObject({
      data: {
        name: "vik",
        kind: "oidc",
        grants: [{ role: "viewer", tenant: "acme", nodes: "*" }],
      },
    });
    expect((await at(behind, "/api/v1/nodes")).status).toBe(200);
    const page = await at(behind, "/account");
    expect(await page.text()).toContain('<strong id="name">vik</strong>');
    expect((await behind.console.ask("/api/v1/nodes")).status).toBe(401);
  });

  it("a page of another origin changes nothing, although the browser's requests name the person", async () => {
    const change = (headers: Record<string, string>) =>
      at(behind, "/api/v1/nodes/none", { method: "DELETE", headers: { ...VIK, ...headers } });
    const forged = await change({ origin: "https://evil.example" });
    expect([forged.status, await forged.json()]).toEqual([
      403,
      expect.objectContaining({ code: "ORIGIN_NOT_ALLOWED" }),
    ]);
    const own = await change({ origin: behind.consoleUrl });
    expect([own.status, await own.json()]).toEqual([
      403,
      expect.objectContaining({ code: "NOT_ALLOWED" }),
    ]);
  });

  it("a person without a grant is refused", async () => {
    const headers = { "x-forwarded-user": "eve", "x-forwarded-groups": "unknown" };
    const answer = await at(behind, "/api/v1/nodes", { headers });
    expect([answer.status, await answer.json()]).toEqual([
      403,
      expect.objectContaining({ code: "SIGN_IN_REFUSED" }),
    ]);
  });

  it("another peer that names somebody is refused and counted", async () => {
    for (const path of ["/api/v1/nodes", "/account"]) {
      expect((await at(elsewhere, path)).status).toBe(403);
    }
    const metrics = await (await fetch(`${elsewhere.console.service.adminUrl}/metrics`)).text();
    expect(metrics).toContain("fiberstream_console_untrusted_proxy_headers_total 2");
    expect((await elsewhere.console.ask("/account", { redirect: "manual" })).status).toBe(303);
  });
});
