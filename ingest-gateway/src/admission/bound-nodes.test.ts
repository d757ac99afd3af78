import type { AskRedis } from "@fiberstream/redis/prompt-redis";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import { createLog } from "@fiberstream/runtime/log";
import { TransientError } from "@fiberstream/runtime/errors";
import { describe, expect, it } from "@jest/globals";
import type { Authenticate } from "../auth/authenticate.ts";
import { exampleEvent } from "../testing/example-event.ts";
import { startTestIntake } from "../testing/intake-fixture.ts";
import { createBoundNodes } from "./bound-nodes.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const away = () => Promise.reject(new TransientError("redis", "there is none"));
const authenticate: Authenticate = () => ({ id: "k", tenant: "acme", maxNodes: 3 });

const eventOf = (node_id: string) => ({ ...exampleEvent(), node_id });

describe("a key's nodes", () => {
  it("never exceed its maximum, also while Redis is unavailable; events of further nodes have to be retried", async () => {
    const intake = await startTestIntake({ authenticate });
    try {
      const nodes = ["a", "b", "a", "invented-1", "invented-2", "b"];
      const answer = await intake.post("/api/ingest", { metrics: nodes.map(eventOf) });
      expect(answer.status).toBe(202);
      expect(await answer.json()).toMatchObject({
        data: { accepted: 5, rejected: 0, retry: 1 },
        results: [{ index: 4, status: "retry", code: "AUTH_UNAVAILABLE" }],
      });
      const refused = await intake.post("/api/push", eventOf("invented-3"));
      expect(refused.status).toBe(503);
      expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThanOrEqual(5);
      expect(await refused.json()).toMatchObject({ code: "AUTH_UNAVAILABLE" });
      expect((await intake.post("/api/push", eventOf("b"))).status).toBe(202);
      expect(new Set(intake.produced.map(({ event }) => event.node_id)).size).toBe(3);
      expect(await intake.metrics()).toContain(
        'fiberstream_gateway_events_total{outcome="retry",code="AUTH_UNAVAILABLE"} 2',
      );
    } finally {
      await intake.close();
    }
  });

  it("are unlimited if the key has no maximum, and cost no call of Redis", async () => {
    let asked = 0;
    const bound = createBoundNodes({
      ask: () => {
        asked++;
        return away();
      },
      namespace: "",
      log,
    });
    const none = { indexes: [], eventId: undefined, rejections: [], unknownFields: 0 };
    const validated = { events: [], checked: none };
    expect(await bound(validated, { id: "open" })).toBe(validated);
    expect(asked).toBe(0);
  });

  it("are counted once, also when requests for the same new node arrive together", async () => {
    let isUp = true;
    const redis = {
      eval: async (_: string, { arguments: { length } }: { arguments: string[] }) =>
        "1".repeat(length - 2),
    };
    const ask = (async (call: (client: typeof redis) => Promise<string>) => {
      if (!isUp) throw new TransientError("redis", "there is none");
      await new Promise(setImmediate);
      return call(redis);
    }) as unknown as AskRedis;
    const bound = createBoundNodes({ ask, namespace: "", log });
    const report = (node_id: string) =>
      bound(
        {
          events: [{ node_id } as ProbeMetric],
          checked: { indexes: [0], eventId: undefined, rejections: [], unknownFields: 0 },
        },
        { id: "k", maxNodes: 10 },
      );
    await Promise.all(Array.from({ length: 100 }, () => report("one")));
    isUp = false;
    for (let node = 2; node <= 10; node++) {
      expect((await report(`node-${node}`)).events).toHaveLength(1);
    }
    // Redis may know this one.
    expect((await report("node-11")).checked).toMatchObject({ undecided: [0], rejections: [] });
  });
});
