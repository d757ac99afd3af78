import { once } from "node:events";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, describe, expect, it } from "@jest/globals";
import type { Sender } from "../auth/sender.ts";
import { exampleEvent } from "../testing/example-event.ts";
import { type Produce, startTestIntake, type TestIntake } from "../testing/intake-fixture.ts";

let intake: TestIntake;
afterEach(() => intake.close());

/** So slow that nothing is gained while the test runs. */
const sender: Sender = {
  id: "k",
  tenant: "acme",
  mayReport: (nodeId) => nodeId !== "foreign",
  limit: { ratePerSecond: 0.001, burst: 100 },
};
const start = async (produce?: Produce, of = sender) => {
  intake = await startTestIntake({
    authenticate: () => of,
    ...(produce !== undefined && { produce }),
  });
};
const event = exampleEvent();
/** A list of objects of almost 4 KB that does not end. */
const rubbish = (objects: number) =>
  `[${Array.from({ length: objects }, () => `{"a":"${"x".repeat(4_050)}"}`).join(",")}`;
/** What the next request finds in the bucket, itself included. */
const leftBefore = async (costOfNext = 1): Promise<number> => {
  const answer = await intake.post("/api/push", event);
  const [, left] = /"events";r=(\d+)/.exec(answer.headers.get("ratelimit") ?? "") ?? [];
  return Number(left) + costOfNext;
};

describe("a key's quota", () => {
  it.each<[string, string, unknown, number, number]>([
    ["malformed", "/api/push", "{", 400, 1],
    ["no batch, of 100 KB", "/api/ingest", rubbish(25), 400, 25],
    ["rejected", "/api/push", { ...event, country: "x" }, 422, 1],
    ["for another's node", "/api/push", { ...event, node_id: "foreign" }, 403, 1],
    ["too large, as it declares", "/api/push", " ".repeat(50_000), 413, 1],
    ["20 rejected events", "/api/ingest", Array.from({ length: 20 }, () => ({ a: 1 })), 422, 20],
    ["20 good events", "/api/ingest", Array.from({ length: 20 }, () => event), 202, 20],
  ])("is charged for what is %s", async (_what, path, body, status, cost) => {
    await start();
    expect((await intake.post(path, body)).status).toBe(status);
    expect(await leftBefore()).toBe(100 - cost);
  });

  it("is charged for each of the compressed streams that a body is made of", async () => {
    await start();
    const frames = Array.from({ length: 40 }, (_, at) =>
      zstdCompressSync(at < 39 ? "" : JSON.stringify([event])),
    );
    const headers = { "content-encoding": "zstd" };
    expect((await intake.post("/api/ingest", Buffer.concat(frames), headers)).status).toBe(202);
    expect(await leftBefore()).toBe(60);
  });

  it("is charged before the work is done, so that concurrent requests do not exceed it", async () => {
    let looks = 0;
    await start(undefined, { ...sender, mayReport: () => looks++ >= 0 });
    // Ten bodies together cost less than the bucket has, before the first one's events are counted.
    const batch = JSON.stringify(Array.from({ length: 100 }, () => ({ ...event, metadata: {} })));
    const packed = gzipSync(batch);
    const answers = Array.from({ length: 10 }, () => {
      const socket = intake.connect();
      socket.write(
        `POST /api/ingest HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n` +
          `Content-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`,
      );
      socket.write(packed.subarray(0, 20));
      return socket;
    });
    const statuses = answers.map(async (socket) => {
      socket.write(packed.subarray(20));
      const [answer] = (await once(socket, "data")) as [Buffer];
      return answer.toString().slice(9, 12);
    });
    expect((await Promise.all(statuses)).toSorted()).toEqual([
      "202",
      ...Array<string>(9).fill("429"),
    ]);
    expect(looks).toBe(100);
  });

  it("refuses a body that is still arriving when other requests have emptied the quota", async () => {
    await start();
    const socket = intake.connect().on("error", () => undefined);
    socket.write(
      `POST /api/ingest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n1\r\n[\r\n`,
    );
    while (intake.usedBytes() === 0) await new Promise(setImmediate);
    const batch = Array.from({ length: 200 }, () => event);
    expect((await intake.post("/api/ingest", batch)).status).toBe(202);
    socket.write("1\r\n0\r\n");
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 429 /);
    socket.destroy();
  });

  it("refuses malformed requests when it is empty, like valid events", async () => {
    await start();
    const statuses = new Set<number>();
    for (let number = 0; number < 10; number++) {
      statuses.add((await intake.post("/api/ingest", rubbish(49))).status);
    }
    expect(statuses).toEqual(new Set([400, 429]));
  });

  it("is charged for the received part of an incomplete body", async () => {
    await start();
    const socket = intake.connect();
    socket.on("error", () => undefined);
    socket.write(
      `POST /api/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 8192\r\nContent-Type: application/json\r\n\r\n[`,
    );
    while (intake.usedBytes() === 0) await new Promise(setImmediate);
    socket.destroy();
    while (intake.usedBytes() > 0) await new Promise(setImmediate);
    expect(await leftBefore()).toBeLessThan(100);
    expect(await leftBefore()).toBeGreaterThan(90);
  });

  it("is refunded for events that Kafka did not acknowledge", async () => {
    let delivery: "accepted" | "retry" = "retry";
    await start(async (events) => events.map(() => delivery));
    const batch = Array.from({ length: 60 }, () => event);
    for (let number = 0; number < 5; number++) {
      expect((await intake.post("/api/ingest", batch)).status).toBe(503);
    }
    expect((await intake.post("/api/push", event)).status).toBe(503);
    delivery = "accepted";
    expect((await intake.post("/api/ingest", batch)).status).toBe(202);
    expect(await leftBefore()).toBe(40);
  });

  it("is refunded for the part of a batch that Kafka did not acknowledge", async () => {
    await start(async (events) => events.map((_event, at) => (at < 20 ? "accepted" : "retry")));
    const batch = Array.from({ length: 60 }, () => event);
    expect((await intake.post("/api/ingest", batch)).status).toBe(202);
    expect(await leftBefore()).toBe(80);
  });

  it("is charged for the rejected events of a batch that gets 503", async () => {
    let delivery: "accepted" | "retry" = "retry";
    await start(async (events) => events.map(() => delivery));
    const invalid = { ...event, latency_ms: -1 };
    const batch = [event, ...Array.from({ length: 9 }, () => invalid)];
    expect((await intake.post("/api/ingest", batch)).status).toBe(503);
    delivery = "accepted";
    expect(await leftBefore()).toBe(91);
  });

  it("is refunded for what failed by the gateway's own fault", async () => {
    let fails = true;
    await start(async (events) => {
      if (fails) throw new Error("broken");
      return events.map(() => "accepted");
    });
    expect((await intake.post("/api/push", event)).status).toBe(500);
    fails = false;
    expect(await leftBefore()).toBe(100);
  });

  it("applies together with its tenant's quota, and the answer shows both", async () => {
    await start(undefined, { ...sender, tenantLimit: { ratePerSecond: 0.001, burst: 10 } });
    const answer = await intake.post(
      "/api/ingest",
      Array.from({ length: 15 }, () => event),
    );
    expect(answer.status).toBe(202);
    expect(answer.headers.get("ratelimit")).toMatch(/^"events";r=85;t=\d+, "tenant";r=0;t=\d+$/);
    const refused = await intake.post("/api/push", event);
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({
      detail: expect.stringContaining("a tenant's keys together"),
    });
  });
});
