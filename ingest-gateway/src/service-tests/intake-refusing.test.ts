import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, describe, expect, it } from "@jest/globals";
import { exampleEvent } from "../testing/example-event.ts";
import { startTestIntake, type TestIntake } from "../testing/intake-fixture.ts";

let intake: TestIntake;
afterEach(() => intake.close());

const until = async (fact: () => boolean) => {
  while (!fact()) await new Promise(setImmediate);
};

describe("a request that cannot be accepted", () => {
  const event = JSON.stringify(exampleEvent());
  const rows: [string, string, string | Uint8Array, Record<string, string>, number, string][] = [
    ["broken JSON", "/api/push", '{"a":', {}, 400, "MALFORMED_JSON"],
    ["an empty body", "/api/push", "", {}, 400, "MALFORMED_JSON"],
    ["an object without metrics", "/api/ingest", event, {}, 400, "MALFORMED_BATCH"],
    ["bytes that are not UTF-8", "/api/push", Buffer.from([0x22, 0xff]), {}, 400, "BAD_ENCODING"],
    ["an array in an event's place", "/api/push", `[${event}]`, {}, 422, "WRONG_TYPE"],
    ["a broken gzip", "/api/push", event, { "content-encoding": "gzip" }, 400, "BAD_ENCODING"],
    [
      "half a gzip",
      "/api/push",
      gzipSync(event).subarray(0, 60),
      { "content-encoding": "gzip" },
      400,
      "BAD_ENCODING",
    ],
    [
      "an unknown encoding",
      "/api/push",
      event,
      { "content-encoding": "lzma" },
      415,
      "UNSUPPORTED_MEDIA_TYPE",
    ],
    ["a form", "/api/push", event, { "content-type": "text/plain" }, 415, "UNSUPPORTED_MEDIA_TYPE"],
    [
      "lines where one event belongs",
      "/api/push",
      event,
      { "content-type": "application/x-ndjson" },
      415,
      "UNSUPPORTED_MEDIA_TYPE",
    ],
    [
      "another alphabet's bytes",
      "/api/push",
      event,
      { "content-type": "application/json; charset=latin1" },
      415,
      "UNSUPPORTED_MEDIA_TYPE",
    ],
    ["an event above 4 KB", "/api/push", " ".repeat(4_097), {}, 413, "PAYLOAD_TOO_LARGE"],
    ["a batch above 10 MB", "/api/ingest", " ".repeat(10_485_761), {}, 413, "PAYLOAD_TOO_LARGE"],
    [
      "a small body that unpacks to 64 MB",
      "/api/ingest",
      gzipSync(Buffer.alloc(64 * 1_024 * 1_024)),
      { "content-encoding": "gzip" },
      413,
      "PAYLOAD_TOO_LARGE",
    ],
    ["a long region", "/api/push", event, { "x-region-id": "r".repeat(101) }, 422, "TOO_LONG"],
    ["a region in Latin-1", "/api/push", event, { "x-region-id": "ü" }, 422, "BAD_FORMAT"],
    ["a wrong path", "/api/pusch", event, {}, 404, "NOT_FOUND"],
    ["a wrong method", "/api/status", event, {}, 405, "METHOD_NOT_ALLOWED"],
  ];
  it.each(rows)("is refused: %s", async (_what, path, body, headers, status, code) => {
    intake = await startTestIntake();
    const response = await intake.post(path, body, headers);
    const problem: unknown = await response.json();
    expect(problem).toMatchObject({
      type: `/docs#${code}`,
      title: expect.any(String),
      status,
      code,
      detail: expect.any(String),
      request_id: response.headers.get("x-request-id"),
    });
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(intake.produced).toEqual([]);
    expect(intake.usedBytes()).toBe(0);
    expect((await intake.post("/api/push", event)).status).toBe(202);
  });

  it.each([
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
    ["zstd", zstdCompressSync],
    ["deflate", deflateSync],
  ])(
    "is refused if its %s ends too early, or has bytes after its end",
    async (encoding, compress) => {
      intake = await startTestIntake();
      const headers = { "content-encoding": encoding };
      const packed = compress(`[${event}]`);
      const endings = [packed.subarray(0, -1), packed.subarray(0, 20)];
      for (const behind of ["x", "\0", "\0".repeat(100_000), event]) {
        endings.push(Buffer.concat([packed, Buffer.from(behind)]));
      }
      for (const body of endings) {
        const response = await intake.post("/api/ingest", body, headers);
        expect(await response.json()).toMatchObject({ status: 400, code: "BAD_ENCODING" });
      }
      expect(intake.produced).toEqual([]);
      expect((await intake.post("/api/ingest", packed, headers)).status).toBe(202);
    },
  );

  it("is refused if it decompresses to more than 200 times its size", async () => {
    intake = await startTestIntake();
    const packed = gzipSync(`[${`${event.padEnd(2_000)},`.repeat(1_000)}${event}]`);
    const response = await intake.post("/api/ingest", packed, { "content-encoding": "gzip" });
    expect(await response.json()).toMatchObject({
      code: "PAYLOAD_TOO_LARGE",
      detail: expect.stringContaining("200 times"),
    });
    expect(response.status).toBe(413);
  });

  it("is refused if its body arrives too slowly", async () => {
    intake = await startTestIntake();
    const head =
      "POST /api/push HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{";
    const answer = await intake.raw(head);
    expect(answer).toMatch(/^HTTP\/1.1 408 .*1024 bytes a second/s);
    expect(intake.usedBytes()).toBe(0);
  }, 30_000);

  it("gets an answer with the supported methods and encodings", async () => {
    intake = await startTestIntake();
    expect((await intake.get("/api/push")).headers.get("allow")).toBe("POST");
    const encoded = await intake.post("/api/push", "{}", { "content-encoding": "lzma" });
    expect(encoded.headers.get("accept-encoding")).toBe("gzip, br, zstd, deflate");
  });

  it("is refused if its headers are too large", async () => {
    intake = await startTestIntake();
    const answer = await intake.raw(
      `POST /api/push HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(17_000)}\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 431 .*"code":"HEADERS_TOO_LARGE"/s);
  });

  it("is refused if it is not HTTP", async () => {
    intake = await startTestIntake();
    expect(await intake.raw("hello\r\n\r\n")).toMatch(/^HTTP\/1.1 400 .*"code":"MALFORMED_HTTP"/s);
  });

  it.each([
    ["headers", "POST /api/push HTTP/1.1\r\nHost: x\r\n"],
    [
      "body",
      "POST /api/push HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{",
    ],
  ])("is refused if its %s do not arrive in time", async (_part, bytes) => {
    intake = await startTestIntake({
      environment: { HEADERS_TIMEOUT_MS: "50", REQUEST_TIMEOUT_MS: "100" },
    });
    expect(await intake.raw(bytes)).toMatch(/^HTTP\/1.1 408 .*"code":"REQUEST_TIMEOUT"/s);
    await until(() => intake.usedBytes() === 0);
  });

  it("is refused before it sends a body that is too large, if it waits for 100 Continue", async () => {
    intake = await startTestIntake();
    const head =
      "POST /api/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n";
    const answer = await intake.raw(`${head}Content-Length: 99999999\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
  });

  it("gets 100 Continue if it waits for that", async () => {
    intake = await startTestIntake();
    const head = `POST /api/push HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n`;
    const answer = await intake.raw(
      `${head}Content-Type: application/json\r\nContent-Length: ${event.length}\r\n\r\n${event}`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 202 /);
  });
});
