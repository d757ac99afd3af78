import { describe, expect, it } from "@jest/globals";
import { createFlowCookies, FLOW_COOKIE, type Flow } from "./flow-cookie.ts";

const flow: Flow = {
  state: "state",
  nonce: "nonce",
  codeVerifier: "verifier",
  returnPath: "/account",
  expiresAtMs: 1_000,
};
let nowMs = 0;
const create = (byte: number, isPlain = false) =>
  createFlowCookies({ secret: Buffer.alloc(32, byte), isPlain, now: () => nowMs });
const cookies = create(1);
const NAME = `__Host-${FLOW_COOKIE}`;
const sent = (setCookie: string) => `other=1; ${setCookie.split(";")[0] ?? ""}`;

describe("the cookie of a sign-in that has begun", () => {
  it("is read by every console with the same secret, until it is too old", () => {
    nowMs = 0;
    const header = sent(cookies.write(flow));
    const other = create(1);
    expect(other.read(header)).toEqual(flow);
    nowMs = 1_000;
    expect(other.read(header)).toBeUndefined();
  });

  it("is for this host, all its paths and no script", () => {
    expect(cookies.write(flow)).toMatch(
      /^__Host-fiberstream-flow=[\w-]+; Max-Age=600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    expect(cookies.deletion).toContain("Max-Age=0; Path=/; HttpOnly; Secure");
    expect(create(1, true).write(flow)).toMatch(/^fiberstream-flow=.*; HttpOnly; SameSite=Lax$/);
  });

  it("does not show what it has, and is none when a bit of it was changed", () => {
    nowMs = 0;
    const header = sent(cookies.write(flow));
    const [, value = ""] = header.split(`${NAME}=`);
    const bytes = Buffer.from(value, "base64url");
    expect(bytes.toString("latin1")).not.toContain("verifier");
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(cookies.read(`${NAME}=${changed.toString("base64url")}`)).toBeUndefined();
    }
    const foreign = create(2);
    expect(foreign.read(header)).toBeUndefined();
  });

  it.each([undefined, "", `${NAME}=`, `${NAME}=abc`, "x", ";;=;"])("is not there: %j", (header) =>
    expect(cookies.read(header)).toBeUndefined(),
  );
});
