import { createQueryClient, QueryError } from "@fiberstream/client";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { insertEvents, insertNode, startTestConsole, type TestConsole } from "./console-fixture.ts";

let life: Life;
let running: TestConsole;
beforeAll(async () => {
  life = createLife();
  running = await startTestConsole(life, { QUERY_RATE_PER_SECOND: "50", QUERY_BURST: "60" });
  for (const node of ["n-1", "n-2", "n-3"]) await insertNode(running.pool, node);
  await insertEvents(running.pool, { node: "n-1", count: 12 });
});
afterAll(() => life.stop());

describe("the typed client", () => {
  it("asks with typed parameters, and returns typed answers", async () => {
    const { ask } = createQueryClient({ url: running.service.url });
    const { data, meta } = await ask("series", {
      from: "-1h",
      node: "n-1",
      stats: "events",
      max_points: 4,
    });
    const [series] = data.series;
    expect(series?.values.events?.length).toBe(meta.points);
    const metrics = await ask("referenceMetrics", { node_id: "n-1", limit: 1 });
    expect(metrics.data.metrics[0]?.latency_ms).toBe(10);
  });

  it("yields all pages of a list", async () => {
    const { all } = createQueryClient({ url: running.service.url });
    const nodes: string[] = [];
    for await (const node of all("listNodes", { limit: 2 })) nodes.push(node.node_id);
    expect(nodes).toEqual(["n-1", "n-2", "n-3"]);
    let events = 0;
    for await (const event of all("listEvents", { node: "n-1", limit: 5 })) {
      expect(event.node_id).toBe("n-1");
      events++;
    }
    expect(events).toBe(12);
  });

  it("changes a node by its revision, and says why a change was refused", async () => {
    const { ask } = createQueryClient({ url: running.service.url });
    const { data: node } = await ask("createNode", {}, { node_id: "own node/1", country: "GH" });
    const change = (revision: number) =>
      ask("changeNode", { node_id: node.node_id }, { display_name: "Airport" }, { revision });
    expect((await change(node.revision)).data.display_name).toBe("Airport");
    const refused: unknown = await change(node.revision).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(QueryError);
    expect(refused).toMatchObject({ status: 412, code: "REVISION_CHANGED" });
  });

  it("waits while it is over its rate limit", async () => {
    const { ask } = createQueryClient({ url: running.service.url });
    const answers = await Promise.all(
      Array.from({ length: 15 }, () =>
        ask("latestNodes", {}, undefined, { signal: AbortSignal.timeout(30_000) }),
      ),
    );
    expect(answers.every(({ meta }) => meta.count === 4)).toBe(true);
  });

  it("says that nobody answers", async () => {
    const { ask } = createQueryClient({ url: "http://127.0.0.1:1" });
    const stop = new AbortController();
    const asked = ask("listTopics", {}, undefined, { signal: stop.signal });
    stop.abort();
    await expect(asked).rejects.toThrow(/abort/);
    await expect(ask("createNode", {}, { node_id: "x" })).rejects.toThrow("no answer");
  });
});
