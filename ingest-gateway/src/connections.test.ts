import { once } from "node:events";
import { createLog } from "@fiberstream/runtime/log";
import { afterEach, describe, expect, it } from "@jest/globals";
import { createConnectionAges } from "./connection-ages.ts";
import { exampleEvent } from "./example-event.ts";
import { startTestIntake, type TestIntake } from "./intake-fixture.ts";
import { connectionsWithin, openFilesLimit } from "./open-files.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const event = JSON.stringify(exampleEvent());
const POST = `POST /api/push HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${event.length}\r\n\r\n${event}`;
const GET = "GET /api/status HTTP/1.1\r\nHost: x\r\n\r\n";
const until = async (fact: () => boolean) => {
  while (!fact()) await new Promise(setImmediate);
};

describe("a connection", () => {
  let intake: TestIntake;
  afterEach(() => intake.close());

  it.each([
    ["with events", POST],
    ["for anything else", GET],
  ])("is closed by an answer once it is old: one %s", async (_what, request) => {
    intake = await startTestIntake({ environment: { CONNECTION_MAX_AGE_MS: "1" } });
    const socket = intake.connect();
    let received = "";
    socket.setEncoding("utf8").on("data", (text: string) => (received += text));
    socket.write(request);
    await until(() => /^Connection: /m.test(received));
    expect(received).toMatch(/^Connection: keep-alive\r$/m);
    const before = received.length;
    socket.write(request);
    await once(socket, "close");
    expect(received.slice(before)).toMatch(/^HTTP\/1.1 20[02] /m);
    expect(received.slice(before)).toMatch(/^Connection: close\r$/m);
  });

  it("is counted when it is closed as it comes", async () => {
    intake = await startTestIntake({ environment: { MAX_CONNECTIONS: "2" } });
    const kept = [intake.connect(), intake.connect()];
    await Promise.all(kept.map((socket) => once(socket, "connect")));
    const dropped = intake.connect().on("error", () => undefined);
    await once(dropped, "close");
    expect(await intake.metrics()).toMatch(
      /^fiberstream_gateway_connections_dropped_total(\{.*\})? 1$/m,
    );
    for (const socket of kept) socket.destroy();
  });
});

describe("the age of connections", () => {
  it("is bounded, and not the same for those who came together", async () => {
    const isTooOld = createConnectionAges({ maxAgeMs: 400 });
    const connections = Array.from({ length: 1_000 }, () => ({}));
    const beganMs = performance.now();
    expect(connections.some(isTooOld)).toBe(false);
    const old = new Map<object, number>();
    while (old.size < connections.length) {
      for (const connection of connections) {
        const ageMs = performance.now() - beganMs;
        if (!old.has(connection) && isTooOld(connection)) old.set(connection, ageMs);
        else if (ageMs > 450) expect(old.has(connection)).toBe(true);
      }
      await new Promise(setImmediate);
    }
    const ages = [...old.values()];
    expect(Math.min(...ages)).toBeGreaterThanOrEqual(190);
    expect(Math.max(...ages) - Math.min(...ages)).toBeGreaterThan(50);
  });
});

describe("the limit of open files", () => {
  it("leaves a reserve to what is no probe's connection", () => {
    expect(connectionsWithin(undefined, { maxConnections: 10_000, log })).toBe(10_000);
    expect(connectionsWithin(1_048_576, { maxConnections: 10_000, log })).toBe(10_000);
    expect(connectionsWithin(1_024, { maxConnections: 10_000, log })).toBe(768);
    expect(connectionsWithin(1_024, { maxConnections: 100, log })).toBe(100);
    expect(connectionsWithin(100, { maxConnections: 10_000, log })).toBe(50);
    expect(openFilesLimit()).toBeGreaterThan(0);
  });
});
