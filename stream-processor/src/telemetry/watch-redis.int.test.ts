import { connectRedis } from "@fiberstream/redis/redis";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
import { afterAll, describe, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import { watchRedis } from "./watch-redis.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const life = createLife();
afterAll(() => life.stop());

describe("watching Redis", () => {
  it("reports the memory that Redis uses, and its maximum", async () => {
    const registry = new Registry();
    const redis = life.own(connectRedis({ url: addresses.redisUrl, log }), (owned) =>
      owned.close(),
    );
    await until(async () => redis.isUp(), { what: "Redis is up" });
    watchRedis({ redis, registry, life, log });
    const valueOf = async (name: string) =>
      Number(
        new RegExp(`^fiberstream_redis_${name}_bytes (\\S+)$`, "m").exec(
          await registry.metrics(),
        )?.[1],
      );
    await until(async () => (await valueOf("used_memory")) > 100_000, { what: "it is known" });
    expect(await valueOf("max_memory")).toBeGreaterThanOrEqual(0);
  });
});
