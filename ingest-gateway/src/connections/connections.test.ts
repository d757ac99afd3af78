import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createLog } from "@fiberstream/runtime/log";
import { afterEach, describe, expect, it } from "@jest/globals";
import { exampleEvent } from "../testing/example-event.ts";
import { startTestIntake, type TestIntake } from "../testing/intake-fixture.ts";
import { createConnectionAges } from "./connection-ages.ts";
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
  ])("is closed by an answer when it is too old: one %s", async (_what, request) => {
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

  it("is counted when it is closed at once, because all others are in use", async () => {
    let served = 0;
    const answered = Promise.withResolvers<never[]>();
    const produce = () => {
      served++;
      return answered.promise;
    };
    intake = await startTestIntake({ environment: { MAX_CONNECTIONS: "2" }, produce });
    const kept = [intake.connect(), intake.connect()];
    for (const socket of kept) socket.write(POST);
    await until(() => served === 2);
    const dropped = intake.connect().on("error", () => undefined);
    await once(dropped, "close");
    expect(await intake.metrics()).toMatch(
      /^fiberstream_gateway_connections_dropped_total(\{.*\})? 1$/m,
    );
    for (const socket of kept) socket.destroy();
    answered.resolve([]);
  });
});

describe("requests for pages", () => {
  let intake: TestIntake;
  afterEach(() => intake.close());

  it("are bounded for each address; the status and events are not", async () => {
    intake = await startTestIntake({ environment: { MAX_PAGES_PER_ADDRESS: "1" } });
    const statusOf = async (path: string) => (await intake.get(path)).status;
    const pages: number[] = [];
    for (let count = 0; count < 11; count++) pages.push(await statusOf(count % 2 ? "/docs" : "/x"));
    expect(new Set(pages.slice(0, 10))).toEqual(new Set([200, 404]));
    // Asked without a pause, because the rate allows a further one each second.
    const asked = Array.from({ length: 20 }, () => intake.get("/docs"));
    const refused = (await Promise.all(asked)).filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.headers.get("retry-after")).not.toBeNull();
    expect(await refused[0]?.json()).toMatchObject({ code: "RATE_LIMITED" });
    for (let count = 0; count < 20; count++) expect(await statusOf("/api/status")).toBe(200);
    expect((await intake.post("/api/push", event)).status).toBe(202);
  });
});

describe("an idle connection", () => {
  const HASTE = {
    KEEP_ALIVE_TIMEOUT_MS: "500",
    HEADERS_TIMEOUT_MS: "500",
    REQUEST_TIMEOUT_MS: "1000",
  };
  let intake: TestIntake;
  afterEach(() => intake.close());

  it("is closed although its sender writes empty lines", async () => {
    intake = await startTestIntake({ environment: HASTE });
    const socket = intake.connect().on("error", () => undefined);
    socket.resume().write(GET);
    const lines = setInterval(() => socket.write("\r\n"), 100);
    await once(socket, "close").finally(() => clearInterval(lines));
  });

  it("is closed when its sender does not read its answers", async () => {
    intake = await startTestIntake({ environment: HASTE });
    const socket = intake.connect().on("error", () => undefined);
    // More than the buffers between the two hold.
    socket.pause().write("GET /docs/topics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100));
    // One that does not read learns by writing that it was closed.
    const lines = setInterval(() => socket.write("\r\n"), 100);
    await new Promise((resolve) => socket.once("close", resolve));
    clearInterval(lines);
  });

  it("is closed at the maximum number of connections, of the address that has most of them", async () => {
    intake = await startTestIntake({ environment: { MAX_CONNECTIONS: "20" } });
    const port = Number(new URL(intake.url).port);
    const from = (localAddress: string) =>
      connect({ port, host: "127.0.0.1", localAddress }).on("error", () => undefined);
    const ask = async (socket: Socket) => {
      socket.write(POST);
      return String(((await once(socket, "data")) as [Buffer])[0]);
    };
    const honest = from("127.0.0.2");
    expect(await ask(honest)).toMatch(/^HTTP\/1.1 202 /);
    const greedy = new Set<Socket>();
    const fill = setInterval(() => {
      const socket = from("127.0.0.3").on("close", () => greedy.delete(socket));
      if (greedy.size < 50) greedy.add(socket);
      else socket.destroy();
    }, 20);
    const dropped = /^fiberstream_gateway_connections_dropped_total(\{.*\})? [1-9]/m;
    while (!dropped.test(await intake.metrics())) await new Promise(setImmediate);
    for (let answered = 0; answered < 3;) {
      const newcomer = from("127.0.0.4");
      // One that comes while there is no room is reset.
      const answer = await Promise.race([ask(newcomer), once(newcomer, "close")]).then(
        String,
        () => "",
      );
      newcomer.destroy();
      if (answer.startsWith("HTTP/1.1 202 ")) answered++;
    }
    expect(await ask(honest)).toMatch(/^HTTP\/1.1 202 /);
    clearInterval(fill);
    for (const socket of [honest, ...greedy]) socket.destroy();
  });
});

describe("the age of connections", () => {
  it("is bounded, and different for connections that were opened together", async () => {
    const isTooOld = createConnectionAges({ maxAgeMs: 400 });
    const connections = Array.from({ length: 1_000 }, () => ({}));
    // A clock is read on the side of each call that makes the bound certain, however long the process waits between.
    const firstSeenMs = performance.now();
    expect(connections.some(isTooOld)).toBe(false);
    const lastSeenMs = performance.now();
    const ages = new Map<object, number>();
    while (ages.size < connections.length) {
      for (const connection of connections) {
        if (ages.has(connection)) continue;
        const askedMs = performance.now();
        if (isTooOld(connection)) ages.set(connection, performance.now() - firstSeenMs);
        else expect(askedMs - lastSeenMs).toBeLessThan(400);
      }
      await new Promise(setImmediate);
    }
    const youngest = Math.min(...ages.values());
    expect(youngest).toBeGreaterThanOrEqual(200);
    expect(Math.max(...ages.values()) - youngest).toBeGreaterThan(50);
  });
});

describe("the limit of open files", () => {
  it("leaves a reserve for everything other than probes' connections", () => {
    expect(connectionsWithin(undefined, { maxConnections: 10_000, log })).toBe(10_000);
    expect(connectionsWithin(1_048_576, { maxConnections: 10_000, log })).toBe(10_000);
    expect(connectionsWithin(1_024, { maxConnections: 10_000, log })).toBe(768);
    expect(connectionsWithin(1_024, { maxConnections: 100, log })).toBe(100);
    expect(connectionsWithin(100, { maxConnections: 10_000, log })).toBe(50);
    expect(openFilesLimit()).toBeGreaterThan(0);
  });
});
