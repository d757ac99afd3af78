import { createHmac, hash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { AskRedis } from "@fiberstream/redis/prompt-redis";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { createNonceMemory } from "./nonce-memory.ts";
import type { Sender } from "./sender.ts";
import { unauthorized } from "./unauthorized.ts";

/**
 * Checks a request's signature if its sender has to sign.
 * @throws {Refusal} INVALID_SIGNATURE, STALE_SIGNATURE, REPLAYED_NONCE
 */
export type CheckSignature = (
  request: IncomingMessage,
  sender: Sender,
  body: Buffer,
) => Promise<void>;

const MAX_OFF_SECONDS = 5 * 60;
/** A nonce may be reused once the timestamp that it was signed with is too old. */
const NONCE_TTL_MS = 2 * MAX_OFF_SECONDS * 1_000;
/** For use while Redis is unavailable: about an hour of one signed request every 36 ms. */
const MAX_LOCAL_NONCES = 100_000;
const NONCE = /^[A-Za-z0-9_-]{16,128}$/;

/**
 * Checks HMAC-SHA256 over batch id, timestamp, nonce and the body's hash. Redis accepts each nonce once for all gateways;
 * while it is unavailable, each gateway accepts it once from memory.
 *
 * @param options.namespace prefix of the keys in Redis
 */
export function createSignatureCheck(options: {
  ask: AskRedis;
  namespace: string;
}): CheckSignature {
  const { ask, namespace } = options;
  const local = createNonceMemory({ maxNonces: MAX_LOCAL_NONCES, ttlMs: NONCE_TTL_MS });

  const isFirst = async (sender: Sender, nonce: string): Promise<boolean> => {
    const key = `${namespace}nonce:${sender.id}:${nonce}`;
    const isNewHere = local.use(sender.id, nonce);
    try {
      const set = await ask((client) =>
        client.set(key, "", {
          condition: "NX",
          expiration: { type: "PX", value: NONCE_TTL_MS },
        }),
      );
      return set === "OK" && isNewHere;
    } catch {
      return isNewHere;
    }
  };

  return async ({ headers }, sender, body) => {
    if (sender.signingSecret === undefined) return;
    const timestamp = textOf(headers["x-fiber-timestamp"]);
    const nonce = textOf(headers["x-fiber-nonce"]);
    const signature = textOf(headers["x-fiber-signature"]);
    const seconds = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : undefined;
    if (seconds === undefined || !NONCE.test(nonce) || !/^[0-9a-f]{64}$/i.test(signature)) {
      throw unauthorized("INVALID_SIGNATURE", REQUIREMENTS);
    }
    const batchId = textOf(headers["x-batch-id"]);
    const signed = `${batchId}:${timestamp}:${nonce}:${hash("sha256", body)}`;
    const expected = createHmac("sha256", sender.signingSecret).update(signed).digest();
    if (!timingSafeEqual(expected, Buffer.from(signature, "hex"))) {
      throw unauthorized(
        "INVALID_SIGNATURE",
        `the signature does not match the request. ${REQUIREMENTS}`,
      );
    }
    if (Math.abs(wallNowMs() / 1_000 - seconds) > MAX_OFF_SECONDS) {
      const detail = `X-Fiber-Timestamp must be within ${MAX_OFF_SECONDS} seconds of now: set the clock, and compute a new signature for each attempt`;
      throw unauthorized("STALE_SIGNATURE", detail);
    }
    if (!(await isFirst(sender, nonce))) {
      const detail =
        "X-Fiber-Nonce was used before: compute a new signature for each attempt, with a new nonce";
      throw unauthorized("REPLAYED_NONCE", detail);
    }
  };
}

const REQUIREMENTS =
  "this key's requests need X-Fiber-Timestamp (Unix seconds), X-Fiber-Nonce (16 to 128 letters, digits, - or _) and X-Fiber-Signature: hex HMAC-SHA256 with the key's secret over X-Batch-ID:timestamp:nonce:hex SHA-256 of the body before Content-Encoding";

const textOf = (header: string | string[] | undefined): string =>
  typeof header === "string" ? header : "";
