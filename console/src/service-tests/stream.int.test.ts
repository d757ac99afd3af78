import { createLife, type Life } from "@fiberstream/runtime/life";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { insertEvents, insertNode, startTestConsole, type TestConsole } from "./console-fixture.ts";

let life: Life;
let running: TestConsole;
beforeAll(async () => {
  life = createLife();
  running = await startTestConsole(life);
  for (const node of ["a", "b"]) await insertNode(running.pool, node);
  await insertEvents(running.pool, { node: "a", count: 1, latencyMs: 1 });
});
afterAll(() => life.stop());

type Columns = { node_id: string[]; latency_ms: (number | null)[] };
type Message = { event: string; id: string; data: Columns };

/** Connects, and collects the messages that come. */
async function connect(headers: Record<string, string> = {}) {
  const stop = new AbortController();
  const answer = await running.ask("/api/v1/stream", { headers, signal: stop.signal });
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  const messages: Message[] = [];
  void (async () => {
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const parts = text.split("\n\n");
      text = parts.pop() ?? "";
      for (const part of parts) {
        const fields = new Map(
          part.split("\n").map((line) => line.split(/: (.*)/s) as [string, string]),
        );
        const [event, id, data] = ["event", "id", "data"].map((name) => fields.get(name));
        if (event !== undefined)
          messages.push({ event, id: id ?? "", data: JSON.parse(data ?? "") as Columns });
      }
    }
  })().catch(() => undefined);
  return { messages, close: () => stop.abort() };
}

const latencyOf = ({ data }: Message, node: string) => data.latency_ms[data.node_id.indexOf(node)];

describe("a stream", () => {
  it("begins with all nodes, sends those that have changed, and resumes where it was left", async () => {
    const first = await connect();
    const snapshot = await until(() => first.messages[0], { what: "the snapshot arrives" });
    expect(snapshot).toMatchObject({
      event: "snapshot",
      data: { node_id: ["a", "b"], latency_ms: [1, null] },
    });

    await insertEvents(running.pool, { node: "b", count: 1, latencyMs: 22 });
    const patch = await until(() => first.messages[1], { what: "the change arrives" });
    expect(patch).toMatchObject({ event: "nodes", data: { node_id: ["b"], latency_ms: [22] } });
    first.close();

    await insertEvents(running.pool, { node: "a", count: 1, latencyMs: 33 });
    const second = await connect({ "last-event-id": patch.id });
    await until(() => second.messages.some((message) => latencyOf(message, "a") === 33), {
      what: "the change while away arrives",
    });
    expect(second.messages.map(({ event }) => event)).not.toContain("snapshot");
    expect(second.messages.flatMap(({ data }) => data.node_id)).not.toContain("b");
    second.close();

    const third = await connect({ "last-event-id": "000000000000-7" });
    const again = await until(() => third.messages[0], { what: "a snapshot arrives" });
    expect(again.event).toBe("snapshot");
    third.close();
  });

  it("ends when the console stops", async () => {
    const own = createLife();
    const stopped = await startTestConsole(own);
    const answer = await stopped.ask("/api/v1/stream");
    const text = answer.text();
    await own.stop();
    expect(await text).toContain("event: snapshot");
  });
});
