import { createHmac, hash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { TransientError } from "@fiberstream/runtime/errors";
import { describe, expect, it } from "@jest/globals";
import type { Sender } from "./sender.ts";
import { createSignatureCheck } from "./signature.ts";

const SECRET = "s".repeat(43);
const sender: Sender = { id: "k", tenant: "acme", signingSecret: SECRET };
const body = Buffer.from('{"node_id":"acme-7"}');
const challenge = { "WWW-Authenticate": 'Bearer realm="fiberstream"' };
const now = () => Math.floor(Date.now() / 1_000);

/** Without Redis: this gateway's memory alone. */
const newCheck = () =>
  createSignatureCheck({
    ask: () => Promise.reject(new TransientError("redis", "away")),
    namespace: "",
  });

function signed(changes: Record<string, string> = {}, signedTime = now()): IncomingMessage {
  const nonce = "nonce-of-16-chars";
  const batchId = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
  const text = `${batchId}:${signedTime}:${nonce}:${hash("sha256", body)}`;
  return {
    headers: {
      "x-batch-id": batchId,
      "x-fiber-timestamp": String(signedTime),
      "x-fiber-nonce": nonce,
      "x-fiber-signature": createHmac("sha256", SECRET).update(text).digest("hex"),
      ...changes,
    },
  } as unknown as IncomingMessage;
}

describe("signatures", () => {
  it("are not required if the key does not require them", async () => {
    const unsigned = { headers: {} } as IncomingMessage;
    await expect(newCheck()(unsigned, { id: "k", tenant: "acme" }, body)).resolves.toBeUndefined();
  });

  it("are accepted once", async () => {
    const check = newCheck();
    await check(signed(), sender, body);
    await expect(check(signed(), sender, body)).rejects.toMatchObject({
      code: "REPLAYED_NONCE",
      headers: challenge,
    });
    const other = { ...sender, id: "other" };
    await expect(check(signed(), other, body)).resolves.toBeUndefined();
  });

  it.each([
    ["nothing", { "x-fiber-signature": "" }],
    ["another body's", { "x-fiber-signature": "0".repeat(64) }],
    ["another batch's", { "x-batch-id": "00000000-7425-40de-944b-e07fc1f90ae7" }],
    ["a short nonce", { "x-fiber-nonce": "short" }],
    ["a date for a time", { "x-fiber-timestamp": "2026-11-05T12:34:56Z" }],
  ])("are refused: %s", async (_what, changes: Record<string, string>) => {
    const refused = newCheck()(signed(changes), sender, body);
    await expect(refused).rejects.toMatchObject({
      code: "INVALID_SIGNATURE",
      headers: challenge,
    });
  });

  it.each([-301, 302])("are refused when they are %d s off", async (seconds) => {
    const refused = newCheck()(signed({}, now() + seconds), sender, body);
    await expect(refused).rejects.toMatchObject({
      code: "STALE_SIGNATURE",
      headers: challenge,
    });
  });
});
