import { createPromptRedis } from "@fiberstream/redis/prompt-redis";
import { connectRedis } from "@fiberstream/redis/redis";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { Sender } from "../auth/sender.ts";
import { createRateLimiter } from "./rate-limits.ts";
import { shareRateLimits } from "./shared-rate-limits.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
/** So slow that nothing is gained while the test runs. */
const sender: Sender = { id: "k", tenant: "acme", limit: { ratePerSecond: 0.001, burst: 100 } };
let life: Life;
beforeEach(() => {
  life = createLife();
});
afterEach(() => life.stop());

describe("buckets of several gateways", () => {
  it("are one bucket: what one gateway admits is missing for the other", async () => {
    const namespace = testNamespace();
    const redis = life.own(connectRedis({ url: addresses.redisUrl, log }), (owned) =>
      owned.close(),
    );
    await until(redis.isUp, { what: "Redis is there" });
    const gateway = () => {
      const buckets = createRateLimiter();
      const ask = createPromptRedis(redis);
      const { stopping } = life;
      life.own(shareRateLimits({ ...buckets, ask, namespace, stopping }), (ended) => ended());
      return buckets;
    };
    const [one, other] = [gateway(), gateway()];
    one.charge(sender, 0).forEvents(60);
    other.charge(sender, 0).forEvents(50);
    const leftIn = (buckets: typeof one) => buckets.headersFor(sender)?.["RateLimit"];
    await until(() => [one, other].some((buckets) => leftIn(buckets)?.includes("r=0")), {
      what: "one of them knows that the bucket is empty",
    });
    for (const buckets of [one, other]) {
      // The next charge of each is the next exchange of each.
      if (!leftIn(buckets)?.includes("r=0")) buckets.charge(sender, 0);
      await until(() => leftIn(buckets)?.includes("r=0"), { what: "both know" });
      expect(() => buckets.charge(sender, 0)).toThrow(
        expect.objectContaining({ code: "RATE_LIMITED" }),
      );
    }
  });
});
