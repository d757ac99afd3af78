import { randomBytes, randomUUID } from "node:crypto";
import type { SeenSpan } from "@fiberstream/terminal/traces/otlp-spans";
import { startTraceViewer, type TraceViewer } from "@fiberstream/terminal/traces/trace-viewer";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Platform, startPlatform } from "./platform/platform.ts";
import { eventOf } from "./platform/send.ts";

let viewer: TraceViewer;
let platform: Platform;
beforeAll(async () => {
  viewer = await startTraceViewer({ port: 0, quietMs: 100, onComplete: () => undefined });
  platform = await startPlatform({
    OTEL_EXPORTER_OTLP_ENDPOINT: viewer.url,
    OTEL_TRACES_SAMPLER: "parentbased_always_off",
    OTEL_BSP_SCHEDULE_DELAY: "100",
    OTEL_EXPORTER_OTLP_TIMEOUT: "1000",
  });
});
afterAll(() => platform.stop());

type Parent = { readonly traceId: string; readonly spanId: string; readonly traceparent: string };

const parentOf = (flags: "00" | "01"): Parent => {
  const [traceId, spanId] = [randomBytes(16).toString("hex"), randomBytes(8).toString("hex")];
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${flags}` };
};

const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
  const answer = await fetch(platform.gatewayUrl + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(202);
};

const rowsOf = async (nodeId: string) =>
  (await platform.query("SELECT FROM metrics WHERE node_id = $1", [nodeId])).length;

/** A trace's spans, once as many as are expected of it are there. */
const spansOf = ({ traceId }: Parent, count: number): Promise<readonly SeenSpan[]> =>
  until(
    () => {
      const trace = viewer.complete().find((seen) => seen.traceId === traceId);
      return trace !== undefined && trace.spans.length >= count ? trace.spans : undefined;
    },
    { what: `${count} spans of the trace have come` },
  );

describe("a traced request", () => {
  it("is one connected trace from the POST to the rows; one that is not sampled is none", async () => {
    const unsampled = parentOf("00");
    const sampled = parentOf("01");
    const nodeId = randomUUID();
    await post("/api/push", eventOf(nodeId, { probe_type: "untraced" }));
    await post("/api/push", eventOf(nodeId, { probe_type: "unsampled" }), unsampled);
    await post("/api/push", eventOf(nodeId), sampled);
    const spans = await spansOf(sampled, 6);

    const raw = `${platform.namespace}probe.metrics.raw`;
    const enriched = `${platform.namespace}probe.metrics.enriched`;
    const ids = [sampled.spanId, ...spans.map(({ spanId }) => spanId)];
    expect(spans.map(({ service, name, parentSpanId }) => [service, name, parentSpanId])).toEqual([
      ["ingest-gateway", "POST /api/push", ids[0]],
      ["ingest-gateway", `send ${raw}`, ids[1]],
      ["stream-processor", `process ${raw}`, ids[2]],
      ["stream-processor", `send ${enriched}`, ids[3]],
      ["sink-writer", `process ${enriched}`, ids[4]],
      ["sink-writer", "COPY metrics", ids[5]],
    ]);
    expect(spans.filter(({ hasFailed }) => hasFailed)).toEqual([]);
    expect(spans[0]?.attributes).toMatchObject({
      "http.route": "/api/push",
      "http.response.status_code": "202",
    });
    expect(spans[2]?.attributes).toMatchObject({
      "messaging.system": "kafka",
      "messaging.consumer.group.name": `${platform.namespace}stream-processor`,
      "messaging.batch.message_count": "1",
    });
    expect(spans[5]?.attributes).toMatchObject({
      "db.system.name": "postgresql",
      "db.collection.name": "metrics",
    });
    await until(async () => (await rowsOf(nodeId)) === 3, { what: "all three are rows" });
    expect(viewer.complete().map(({ traceId }) => traceId)).toEqual([sampled.traceId]);
  });

  it("has one span at each step for all of its events that go together", async () => {
    const sampled = parentOf("01");
    const nodeId = randomUUID();
    const events = ["a", "b", "c"].map((probe_type) => eventOf(nodeId, { probe_type }));
    await post("/api/ingest", events, sampled);
    const spans = await spansOf(sampled, 6);
    expect(spans).toHaveLength(6);
    expect(spans.map(({ attributes }) => attributes["messaging.batch.message_count"])).toEqual([
      undefined,
      "3",
      "3",
      undefined,
      "3",
      undefined,
    ]);
  });

  it("comes through all the same when nobody takes the spans", async () => {
    await viewer.close();
    const nodeId = randomUUID();
    await post("/api/push", eventOf(nodeId), parentOf("01"));
    await until(async () => (await rowsOf(nodeId)) === 1, { what: "the event is a row" });
    await until(
      () => platform.service("sink-writer").logs().includes("trace export failed, spans dropped"),
      { what: "the log says so" },
    );
    const { adminUrl } = platform.service("sink-writer");
    expect((await fetch(`${adminUrl}/readyz`)).status).toBe(200);
  });
});
