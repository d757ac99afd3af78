import { describe, expect, it } from "@jest/globals";
import { createRequestTemplate } from "./event-bytes.ts";

type Sent = { node_id: string; timestamp: string };
const NOW_MICROS = Date.UTC(2026, 10, 24, 23, 59, 59) * 1_000 + 999_998;

function read(request: Buffer): { head: string; events: Sent[] } {
  const [head = "", body = ""] = request.toString().split("\r\n\r\n");
  expect(head).toContain(`Content-Length: ${Buffer.byteLength(body)}`);
  const content = JSON.parse(body) as Sent | { metrics: Sent[] };
  return { head, events: "metrics" in content ? content.metrics : [content] };
}

describe("createRequestTemplate", () => {
  it("uses nodes in turn and a unique time for each event, also across midnight", () => {
    const template = createRequestTemplate({ eventsPerRequest: 4, nodes: 3 });
    const { request, event } = template.fill(NOW_MICROS, 2);
    const { head, events } = read(request);
    expect(head).toContain("POST /api/ingest HTTP/1.1");
    expect(events.map(({ node_id, timestamp }) => `${node_id} ${timestamp}`)).toEqual([
      "bench-0000000 2026-11-24T23:59:59.999998Z",
      "bench-0000001 2026-11-24T23:59:59.999999Z",
      "bench-0000002 2026-11-25T00:00:00.000000Z",
      "bench-0000000 2026-11-25T00:00:00.000001Z",
    ]);
    expect(event).toEqual({ nodeId: "bench-0000002", micros: NOW_MICROS + 2 });
  });

  it("continues after the last time if the clock has not advanced", () => {
    const template = createRequestTemplate({ eventsPerRequest: 1, nodes: 10 });
    const { head, events } = read(template.fill(NOW_MICROS, 0).request);
    expect(head).toContain("POST /api/push HTTP/1.1");
    expect(events[0]?.timestamp).toBe("2026-11-24T23:59:59.999998Z");
    const [next] = read(template.fill(NOW_MICROS, 0).request).events;
    expect(next).toMatchObject({
      node_id: "bench-0000001",
      timestamp: "2026-11-24T23:59:59.999999Z",
    });
  });
});
