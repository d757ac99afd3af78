import { createPromptRedis } from "@fiberstream/redis/prompt-redis";
import { connectRedis } from "@fiberstream/redis/redis";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createBoundNodes } from "./bound-nodes.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const sender = { id: "k", maxNodes: 600 };
let life: Life;
beforeEach(() => {
  life = createLife();
});
afterEach(() => life.stop());

const validatedOf = (nodes: readonly string[]) => ({
  events: nodes.map((node_id) => ({ node_id }) as ProbeMetric),
  checked: {
    indexes: nodes.map((_, index) => index),
    eventId: undefined,
    rejections: [],
    unknownFields: 0,
  },
});
const named = (name: string, count: number) =>
  Array.from({ length: count }, (_, at) => `${name}-${at}`);

describe("the nodes of a key", () => {
  it("are counted once for all gateways, and a node that is counted stays accepted", async () => {
    const namespace = testNamespace();
    const redis = life.own(connectRedis({ url: addresses.redisUrl, log }), (owned) =>
      owned.close(),
    );
    await until(redis.isUp, { what: "Redis is there" });
    const gateway = () => {
      const bound = createBoundNodes({ ask: createPromptRedis(redis), namespace, log });
      return async (nodes: readonly string[], of = sender) => {
        const { events, checked } = await bound(validatedOf(nodes), of);
        return [events.length, checked.rejections.length];
      };
    };
    const [one, other] = [gateway(), gateway()];
    expect(await one(named("good", 550))).toEqual([550, 0]);
    expect(await other(named("invented", 1_000))).toEqual([50, 950]);
    expect(await other(named("good", 550))).toEqual([550, 0]);
    expect(await one(["another"])).toEqual([0, 1]);
    expect(await one(["another"], { id: "other-key", maxNodes: 1 })).toEqual([1, 0]);
    expect(await one(["another"], { id: "k", maxNodes: 601 })).toEqual([1, 0]);
    // A place is free again after a month.
    await redis.client.zAdd(`${namespace}key-nodes:k`, { score: 1, value: "as-old" });
    expect(await redis.client.zCard(`${namespace}key-nodes:k`)).toBe(602);
    expect(await gateway()(["another"])).toEqual([1, 0]);
    expect(await redis.client.zCard(`${namespace}key-nodes:k`)).toBe(601);
  });
});
