import { createPromptRedis } from "@fiberstream/redis/prompt-redis";
import { connectRedis, type Redis } from "@fiberstream/redis/redis";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { ApiKey, KeyName } from "./api-key.ts";
import { createKeysInRedis, type KeysInRedis } from "./keys-in-redis.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const NAME: KeyName = { column: "key_id", value: "abcdefgh2345" };
const keyOf = (isRevoked: boolean) => ({ tenant: "acme", isRevoked }) as ApiKey;
let life: Life;
let redis: Redis;
let namespace: string;
let keys: KeysInRedis;

beforeAll(async () => {
  life = createLife();
  redis = life.own(connectRedis({ url: addresses.redisUrl, log }), (owned) => owned.close());
  await until(redis.isUp, { what: "Redis is there" });
});
afterAll(() => life.stop());
beforeEach(() => {
  namespace = testNamespace();
  keys = createKeysInRedis({ ask: createPromptRedis(redis), namespace });
});
const nowMs = async () => (await keys.get(NAME)).askedAtMs;

describe("keys in Redis", () => {
  it("have the age of the query, not of the arrival of its answer", async () => {
    const askedAtMs = (await nowMs()) - 9_000;
    await keys.put(NAME, keyOf(false), askedAtMs);
    const { found } = await keys.get(NAME);
    expect(found?.key).toEqual(keyOf(false));
    expect(found?.ageMs).toBeGreaterThanOrEqual(9_000);
  });

  it("keep the newer of two readings, whichever arrives last", async () => {
    const now = await nowMs();
    await keys.put(NAME, keyOf(true), now - 100);
    await keys.put(NAME, keyOf(false), now - 9_000);
    expect((await keys.get(NAME)).found?.key).toEqual(keyOf(true));
    await keys.put(NAME, undefined, now - 9_000);
    expect((await keys.get(NAME)).found?.key).toEqual(keyOf(true));
  });

  it("are deleted, not stored as missing, when they no longer exist", async () => {
    await keys.put(NAME, keyOf(false), await nowMs());
    await keys.put(NAME, undefined, await nowMs());
    expect((await keys.get(NAME)).found).toBeUndefined();
    expect(await redis.client.keys(`${namespace}*`)).toEqual([]);
  });

  it("have an unknown age if the clock that stored them was ahead, and are replaced", async () => {
    const later = (await nowMs()) + 3_600_000;
    await keys.put(NAME, keyOf(false), later);
    expect((await keys.get(NAME)).found?.ageMs).toBe(Infinity);
    await keys.put(NAME, keyOf(true), await nowMs());
    const { found } = await keys.get(NAME);
    expect(found?.key).toEqual(keyOf(true));
    expect(found?.ageMs).toBeLessThan(60_000);
  });

  it("are ignored if an earlier version has stored the record", async () => {
    await redis.client.set(`${namespace}api-key:key_id:${NAME.value}`, "null");
    expect((await keys.get(NAME)).found).toBeUndefined();
  });
});
