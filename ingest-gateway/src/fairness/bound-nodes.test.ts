import { createLog } from "@fiberstream/runtime/log";
import { TransientError } from "@fiberstream/runtime/errors";
import { describe, expect, it } from "@jest/globals";
import type { Authenticate } from "../auth/authenticate.ts";
import { exampleEvent } from "../example-event.ts";
import { startTestIntake } from "../intake-fixture.ts";
import { createBoundNodes } from "./bound-nodes.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const away = () => Promise.reject(new TransientError("redis", "there is none"));
const authenticate: Authenticate = () => ({ id: "k", tenant: "acme", maxNodes: 3 });

const eventOf = (node_id: string) => ({ ...exampleEvent(), node_id });

describe("a key's nodes", () => {
  it("are as many as it may have, also while Redis is away; others are told so and cost nobody else", async () => {
    const intake = await startTestIntake({ authenticate });
    try {
      const nodes = ["a", "b", "a", "invented-1", "invented-2", "b"];
      const answer = await intake.post("/api/ingest", { metrics: nodes.map(eventOf) });
      expect(answer.status).toBe(202);
      expect(await answer.json()).toMatchObject({
        data: { accepted: 5, rejected: 1, retry: 0 },
        results: [{ index: 4, status: "rejected", code: "TOO_MANY_NODES", field: "node_id" }],
      });
      const refused = await intake.post("/api/push", eventOf("invented-3"));
      expect(refused.status).toBe(403);
      expect(await refused.json()).toMatchObject({ code: "TOO_MANY_NODES" });
      expect((await intake.post("/api/push", eventOf("b"))).status).toBe(202);
      expect(new Set(intake.produced.map(({ event }) => event.node_id)).size).toBe(3);
      expect(await intake.metrics()).toContain(
        'fiberstream_gateway_events_total{outcome="rejected",code="TOO_MANY_NODES"} 2',
      );
    } finally {
      await intake.close();
    }
  });

  it("have no bound where the key has none, and ask nobody", async () => {
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
});
