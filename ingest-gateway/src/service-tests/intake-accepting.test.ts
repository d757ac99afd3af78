import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, describe, expect, it } from "@jest/globals";
import { Refusal } from "../answers/refusal.ts";
import { exampleEvent } from "../testing/example-event.ts";
import { startTestIntake, type TestIntake } from "../testing/intake-fixture.ts";

let intake: TestIntake;
afterEach(() => intake.close());

describe("POST /api/push", () => {
  it("answers 202 with the event's id when Kafka has the event", async () => {
    intake = await startTestIntake();
    const response = await intake.post("/api/push", exampleEvent(), { "x-region-id": "eu-west" });
    expect(response.status).toBe(202);
    expect(intake.produced).toHaveLength(1);
    const event = intake.produced[0]?.event;
    expect(await response.json()).toEqual({ status: "accepted", event_id: event?.event_id });
    expect(event).toMatchObject({ node_id: "probe-accra-01", source_region: "eu-west" });
    expect(event?.received_at).toBeGreaterThan((Date.now() - 60_000) * 1_000);
  });

  it("returns the sender's request id, or generates one if it cannot be returned", async () => {
    intake = await startTestIntake();
    const idFor = async (id: string) =>
      (await intake.post("/api/push", exampleEvent(), { "x-request-id": id })).headers.get(
        "x-request-id",
      );
    expect(await idFor("req-7")).toBe("req-7");
    expect(await idFor("two words")).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idFor("x".repeat(129))).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("passes a sampled trace on with the record, and begins some itself", async () => {
    intake = await startTestIntake({ environment: { OTEL_TRACES_SAMPLER_ARG: "0" } });
    const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
    await intake.post("/api/push", exampleEvent(), { traceparent: `${trace}-01` });
    await intake.post("/api/push", exampleEvent(), { traceparent: `${trace}-00` });
    await intake.post("/api/push", exampleEvent(), { traceparent: "nonsense" });
    expect(intake.produced.map(({ headers }) => headers)).toEqual([
      { traceparent: `${trace}-01` },
      undefined,
      undefined,
    ]);
    await intake.close();
    intake = await startTestIntake({ environment: { OTEL_TRACES_SAMPLER_ARG: "1" } });
    await intake.post("/api/push", exampleEvent());
    expect(intake.produced.at(-1)?.headers).toEqual({
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
    });
  });
});

describe("a traceparent", () => {
  it("counts for the traces that a second may have only once its sender is known", async () => {
    intake = await startTestIntake({
      environment: { OTEL_TRACES_SAMPLER_ARG: "0", TRACES_GIVEN_MAX_PER_SECOND: "1" },
      authenticate: ({ headers }) => {
        if (headers.authorization === undefined) throw new Refusal("MISSING_TOKEN", "no token");
        return { id: "one", tenant: "default" };
      },
    });
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const post = (headers: Record<string, string>) =>
      intake.post("/api/push", exampleEvent(), { traceparent, ...headers });
    for (let count = 0; count < 5; count++) expect((await post({})).status).toBe(401);
    await post({ authorization: "one" });
    expect(intake.produced.map(({ headers }) => headers)).toEqual([{ traceparent }]);
  });
});

describe("POST /api/ingest", () => {
  const event = exampleEvent();
  const { node_id, ...nodeless } = event;

  it.each([
    ["an array", JSON.stringify([event, event]), "application/json"],
    [
      "metrics of one node",
      JSON.stringify({ node_id, metrics: [nodeless, event] }),
      "application/json; charset=utf-8",
    ],
    ["lines", `${JSON.stringify(event)}\n${JSON.stringify(event)}\n`, "application/x-ndjson"],
  ])("accepts %s", async (_form, body, contentType) => {
    intake = await startTestIntake();
    const headers = { "content-type": contentType, "x-region-id": "eu-west" };
    const response = await intake.post("/api/ingest", body, headers);
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({
      status: "accepted",
      message: "Queued 2 metrics",
      data: {
        batch_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        source_region: "eu-west",
        accepted: 2,
        rejected: 0,
        retry: 0,
      },
      results: [],
    });
    expect(intake.produced.map(({ event: { node_id: id } }) => id)).toEqual([node_id, node_id]);
  });

  it("accepts the valid events of a batch, and names each of the others", async () => {
    intake = await startTestIntake({
      produce: async (events) => events.map((_, at) => (at === 1 ? "retry" : "accepted")),
    });
    const bad = exampleEvent({ latency_ms: -3 });
    const response = await intake.post("/api/ingest", [event, bad, event, event]);
    expect(response.status).toBe(202);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(5);
    expect(await response.json()).toMatchObject({
      message: "Queued 2 metrics",
      data: { accepted: 2, rejected: 1, retry: 1 },
      results: [
        {
          index: 1,
          status: "rejected",
          code: "OUT_OF_RANGE",
          field: "latency_ms",
          message: "latency_ms must be 0 to 10000, got -3",
        },
        { index: 2, status: "retry", code: "KAFKA_UNAVAILABLE" },
      ],
    });
  });

  it("refuses a batch without a valid event, and counts by code", async () => {
    intake = await startTestIntake();
    const batch = [exampleEvent({ latency_ms: -3 }), exampleEvent({ country: "gh" })];
    const response = await intake.post("/api/ingest", batch);
    expect(response.status).toBe(422);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({
      status: 422,
      code: "OUT_OF_RANGE",
      detail: "latency_ms must be 0 to 10000, got -3 (and 1 more)",
      errors: [
        { index: 0, field: "latency_ms", code: "OUT_OF_RANGE" },
        { index: 1, field: "country", code: "BAD_FORMAT" },
      ],
    });
    const metrics = await intake.metrics();
    expect(metrics).toContain('events_total{outcome="rejected",code="OUT_OF_RANGE"} 1');
    expect(metrics).toContain('events_total{outcome="rejected",code="BAD_FORMAT"} 1');
  });

  it("asks for a retry of the whole batch if Kafka has none of it", async () => {
    intake = await startTestIntake({ produce: async (events) => events.map(() => "retry") });
    const response = await intake.post("/api/ingest", [event, exampleEvent({ country: "gh" })]);
    expect(response.status).toBe(503);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(5);
    expect(await response.json()).toMatchObject({
      code: "KAFKA_UNAVAILABLE",
      errors: [{ index: 1, code: "BAD_FORMAT" }],
    });
  });

  it("counts fields that it does not know", async () => {
    intake = await startTestIntake();
    await intake.post("/api/ingest", [exampleEvent({ jitter: 1, mos: 2 }), event]);
    expect(await intake.metrics()).toContain("gateway_unknown_fields_total 2");
  });

  it.each([
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
    ["zstd", zstdCompressSync],
    ["deflate", deflateSync],
  ])("reads %s", async (encoding, compress) => {
    intake = await startTestIntake();
    const body = compress(JSON.stringify([event, event]));
    const response = await intake.post("/api/ingest", body, { "content-encoding": encoding });
    expect(response.status).toBe(202);
    expect(intake.produced).toHaveLength(2);
  });

  const one = JSON.stringify(event);
  // RFC 8878, 3.1.2: a frame that decoders pass over.
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
  it.each([
    ["zstd", "frames", [zstdCompressSync(`${one}\n`), zstdCompressSync(one)]],
    [
      "zstd",
      "frames to be passed over",
      [skippable, zstdCompressSync(`${one}\n`), skippable, zstdCompressSync(one), skippable],
    ],
    [
      "zstd",
      "empty frames",
      [zstdCompressSync(`${one}\n`), zstdCompressSync(""), zstdCompressSync(one)],
    ],
    ["gzip", "members", [gzipSync(`${one}\n`), gzipSync(one)]],
  ])("reads all of %s: %s, together and byte by byte", async (encoding, _parts, parts) => {
    intake = await startTestIntake();
    const headers = { "content-encoding": encoding, "content-type": "application/x-ndjson" };
    const body = Buffer.concat(parts);
    expect((await intake.post("/api/ingest", body, headers)).status).toBe(202);
    expect(intake.produced).toHaveLength(2);
    const chunks = Array.from(body, (byte) => Buffer.from([0x31, 0x0d, 0x0a, byte, 0x0d, 0x0a]));
    const head = `POST /api/ingest HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-ndjson\r\nContent-Encoding: ${encoding}\r\n\r\n`;
    const bytes = Buffer.concat([Buffer.from(head), ...chunks, Buffer.from("0\r\n\r\n")]);
    expect(await intake.raw(bytes)).toMatch(/^HTTP\/1.1 202 /);
    expect(intake.produced).toHaveLength(4);
  });

  it("reads all of 100 frames, and refuses a body with more", async () => {
    intake = await startTestIntake();
    const headers = { "content-encoding": "zstd", "content-type": "application/x-ndjson" };
    const ofFrames = (count: number) =>
      Buffer.concat(Array<Buffer>(count).fill(zstdCompressSync(`${one}\n`)));
    expect((await intake.post("/api/ingest", ofFrames(100), headers)).status).toBe(202);
    expect(intake.produced).toHaveLength(100);
    const refused = await intake.post("/api/ingest", ofFrames(101), headers);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      code: "BAD_ENCODING",
      detail: expect.stringContaining("more than 100 frames"),
    });
    expect(intake.produced).toHaveLength(100);
  });
});
