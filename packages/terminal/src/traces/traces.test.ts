import { until } from "@fiberstream/testkit/until";
import { afterEach, describe, expect, it } from "@jest/globals";
import { renderTrace } from "./render-trace.ts";
import type { SeenTrace } from "./trace-collection.ts";
import { startTraceViewer, type TraceViewer } from "./trace-viewer.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const START_NS = 1_795_000_000_000_000_000n;

type Sample = { id: string; parent?: string; name: string; fromMs: number; ms: number };

const exported = (service: string, spans: readonly Sample[], error?: string) => ({
  resourceSpans: [
    {
      resource: { attributes: [{ key: "service.name", value: { stringValue: service } }] },
      scopeSpans: [
        {
          spans: spans.map(({ id, parent, name, fromMs, ms }) => ({
            traceId: TRACE,
            spanId: id,
            parentSpanId: parent,
            name,
            startTimeUnixNano: String(START_NS + BigInt(fromMs * 1e6)),
            endTimeUnixNano: String(START_NS + BigInt((fromMs + ms) * 1e6)),
            attributes: error ? [{ key: "error.type", value: { stringValue: error } }] : [],
            status: { code: error ? 2 : 0 },
          })),
        },
      ],
    },
  ],
});

let viewer: TraceViewer;
afterEach(() => viewer.close());

const startViewer = async (quietMs: number) => {
  const seen: SeenTrace[] = [];
  viewer = await startTraceViewer({ port: 0, quietMs, onComplete: (trace) => seen.push(trace) });
  return seen;
};
const post = (body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${viewer.url}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

const SENT = { id: "aaaaaaaaaaaaaaaa", name: "send", fromMs: 0, ms: 10 };
const PROCESSED = { id: "bbbbbbbbbbbbbbbb", parent: SENT.id, name: "process", fromMs: 20, ms: 20 };

describe("the trace viewer", () => {
  it("groups the spans of several processes into one trace, in any order", async () => {
    const seen = await startViewer(200);
    expect((await post(exported("second", [PROCESSED], "TransientError"))).status).toBe(200);
    expect((await post(exported("first", [SENT]))).status).toBe(200);
    await until(() => seen.some(({ spans }) => spans.length === 2), { what: "both are in it" });
    const trace = seen.at(-1) as SeenTrace;
    expect(renderTrace(trace).split("\n")).toEqual([
      `trace ${TRACE}  2026-11-18T11:06:40.000Z  40 ms, 2 spans`,
      `first   send          10 ms  ${"█".repeat(10)}`,
      `second  └ process     20 ms  ${" ".repeat(20)}${"█".repeat(20)} ✖ TransientError`,
    ]);
    const page = await (await fetch(viewer.url)).text();
    expect(page).toContain("└ process");
  });

  it("rejects requests that it cannot read, with a reason", async () => {
    await startViewer(10);
    expect((await post({ resourceSpans: "none" })).status).toBe(400);
    const binary = await post({}, { "content-type": "application/x-protobuf" });
    expect([binary.status, await binary.text()]).toEqual([415, expect.stringContaining("JSON")]);
    expect((await fetch(`${viewer.url}/nowhere`)).status).toBe(404);
  });
});
