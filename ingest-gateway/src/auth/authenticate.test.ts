import { hash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { TransientError } from "@fiberstream/runtime/errors";
import { createLog } from "@fiberstream/runtime/log";
import { describe, expect, it } from "@jest/globals";
import { createAuthenticate } from "./authenticate.ts";
import type { SubjectOfJwt } from "./jwt.ts";
import type { ApiKey } from "./keys/api-key.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const SECRET = "s".repeat(43);
const TOKEN = `fs_abcdefgh2345_${SECRET}`;

const key = (changes: Partial<ApiKey> = {}): ApiKey => ({
  keyId: "abcdefgh2345",
  secretSha256: hash("sha256", SECRET),
  tenant: "acme",
  nodePattern: "acme-*",
  ratePerSecond: 10,
  burst: 100,
  tenantLimit: null,
  requiresSignature: false,
  expiresAtMs: null,
  isRevoked: false,
  ...changes,
});

const noted: string[] = [];

function senderWith(
  authorization: string | undefined,
  setup: { key?: ApiKey | null | Error; subjectOfJwt?: SubjectOfJwt } = {},
) {
  const { key: found = key(), subjectOfJwt } = setup;
  const authenticate = createAuthenticate({
    lookUp: async ({ value }) => {
      if (found instanceof Error) throw found;
      return value === "abcdefgh2345" || value === "relay-7" ? found : null;
    },
    noteUse: (keyId) => noted.push(keyId),
    subjectOfJwt,
    log,
  });
  const headers = authorization === undefined ? {} : { authorization };
  const socket = { remoteAddress: "192.0.2.1" };
  return (async () => authenticate({ headers, socket } as IncomingMessage))();
}

describe("the sender", () => {
  it("is identified by an API key, with its tenant, nodes and rate", async () => {
    const sender = await senderWith(`Bearer ${TOKEN}`);
    expect(sender).toMatchObject({ id: "abcdefgh2345", tenant: "acme" });
    expect(sender.limit).toMatchObject({ ratePerSecond: 10, burst: 100 });
    expect(sender.mayReport?.("acme-7")).toBe(true);
    expect(sender.mayReport?.("zeta-7")).toBe(false);
    expect(sender.signingSecret).toBeUndefined();
    expect((await senderWith(`bearer ${TOKEN}`)).id).toBe("abcdefgh2345");
  });

  it("notes the use of a key, and of nothing else", async () => {
    noted.length = 0;
    await senderWith(`Bearer ${TOKEN}`);
    await senderWith(`Bearer fs_zzzzzzzz2345_${SECRET}`).catch(() => undefined);
    await senderWith(`Bearer ${TOKEN}`, { key: key({ isRevoked: true }) }).catch(() => undefined);
    expect(noted).toEqual(["abcdefgh2345"]);
  });

  it("has a signing secret only if the key requires signatures", async () => {
    const sender = await senderWith(`Bearer ${TOKEN}`, { key: key({ requiresSignature: true }) });
    expect(sender.signingSecret).toBe(SECRET);
  });

  it.each([
    ["no header", undefined, key(), "MISSING_TOKEN"],
    ["another scheme", "Basic abc", key(), "INVALID_TOKEN"],
    ["a token of another form", "Bearer hello", key(), "INVALID_TOKEN"],
    ["two tokens", `Bearer ${TOKEN} ${TOKEN}`, key(), "INVALID_TOKEN"],
    ["another secret", `Bearer fs_abcdefgh2345_${"t".repeat(43)}`, key(), "INVALID_TOKEN"],
    ["an unknown key", `Bearer fs_zzzzzzzz2345_${SECRET}`, key(), "INVALID_TOKEN"],
    ["a key for JWTs", `Bearer ${TOKEN}`, key({ secretSha256: null }), "INVALID_TOKEN"],
    ["a revoked key", `Bearer ${TOKEN}`, key({ isRevoked: true }), "INVALID_TOKEN"],
    ["an expired key", `Bearer ${TOKEN}`, key({ expiresAtMs: Date.now() - 1 }), "EXPIRED_TOKEN"],
    ["a JWT where none are taken", "Bearer a.b.c", key(), "INVALID_TOKEN"],
  ])("is not identified by %s", async (_what, authorization, found, code) => {
    const refused = senderWith(authorization, { key: found });
    await expect(refused).rejects.toMatchObject({
      code,
      headers: { "WWW-Authenticate": expect.stringContaining("Bearer") },
    });
    await expect(refused).rejects.not.toThrow(new RegExp(SECRET));
  });

  it("is asked to retry while the key cannot be looked up", async () => {
    const refused = senderWith(`Bearer ${TOKEN}`, { key: new TransientError("postgres", "away") });
    await expect(refused).rejects.toMatchObject({ code: "AUTH_UNAVAILABLE" });
  });

  it("is identified by a JWT's subject and the key with that subject", async () => {
    const subjectOfJwt = async () => "relay-7";
    const sender = await senderWith("Bearer a.b.c", {
      key: key({ secretSha256: null }),
      subjectOfJwt,
    });
    expect(sender.tenant).toBe("acme");
    await expect(
      senderWith("Bearer a.b.c", { subjectOfJwt: () => "nobody" }),
    ).rejects.toMatchObject({ code: "INVALID_TOKEN" });
  });
});
