import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "@jest/globals";
import { exampleEvent } from "../testing/example-event.ts";
import { startTestIntake, type TestIntake } from "../testing/intake-fixture.ts";

let intake: TestIntake;
afterEach(() => intake.close());

const until = async (fact: () => boolean) => {
  while (!fact()) await new Promise(setImmediate);
};

describe("a gateway that cannot accept events", () => {
  const expectRefusal = async (code: string, response: Response) => {
    expect(await response.json()).toMatchObject({ status: 503, code });
    expect(response.status).toBe(503);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
  };

  it("reports that Kafka is unavailable, also on its status page and before the first connection", async () => {
    for (const setup of [{ isKafkaUp: false }, { produce: null }]) {
      intake = await startTestIntake(setup);
      await expectRefusal("KAFKA_UNAVAILABLE", await intake.post("/api/push", exampleEvent()));
      const status = await intake.get("/api/status");
      expect(status.status).toBe(503);
      expect(await status.json()).toMatchObject({ status: "degraded" });
      await intake.close();
    }
  });

  it("has a status page with 200 although Redis is unavailable", async () => {
    intake = await startTestIntake();
    const status = await intake.get("/api/status");
    expect(status.status).toBe(200);
    expect(await status.json()).toEqual({
      status: "ok",
      data: {
        api: "ok",
        kafka: "ok",
        registry: "ok",
        redis: "unavailable",
        idempotency: "unavailable",
      },
    });
  });

  it("asks the sender to retry if Kafka does not acknowledge", async () => {
    intake = await startTestIntake({ produce: async () => ["retry"] });
    await expectRefusal("KAFKA_UNAVAILABLE", await intake.post("/api/push", exampleEvent()));
  });

  it("refuses at once what does not fit into its memory, before reading it", async () => {
    intake = await startTestIntake({ environment: { IN_FLIGHT_MAX_BYTES: "1000" } });
    await expectRefusal("OVERLOADED", await intake.post("/api/push", " ".repeat(1_001)));
    const packed = gzipSync(" ".repeat(3_000));
    await expectRefusal(
      "OVERLOADED",
      await intake.post("/api/push", packed, { "content-encoding": "gzip" }),
    );
    expect((await intake.post("/api/push", exampleEvent())).status).toBe(202);
  });

  it("holds a request's memory until it is answered", async () => {
    const answers: (() => void)[] = [];
    intake = await startTestIntake({
      environment: { IN_FLIGHT_MAX_BYTES: "1000" },
      produce: () => new Promise((resolve) => answers.push(() => resolve(["accepted"]))),
    });
    const body = JSON.stringify(exampleEvent()).padEnd(600);
    const held = intake.post("/api/push", body);
    await until(() => answers.length > 0);
    expect(intake.usedBytes()).toBe(600);
    await expectRefusal("OVERLOADED", await intake.post("/api/push", body));
    answers[0]?.();
    expect((await held).status).toBe(202);
    expect(intake.usedBytes()).toBe(0);
  });

  it("answers requests in flight when it stops, and refuses later ones on the same connection", async () => {
    const answers: (() => void)[] = [];
    intake = await startTestIntake({
      produce: () => new Promise((resolve) => answers.push(() => resolve(["accepted"]))),
    });
    const inFlight = intake.post("/api/push", exampleEvent());
    await until(() => answers.length > 0);
    intake.beginStop();
    await expectRefusal("DRAINING", await intake.post("/api/push", exampleEvent()));
    const closed = intake.close();
    answers[0]?.();
    const response = await inFlight;
    expect(response.status).toBe(202);
    expect(response.headers.get("connection")).toBe("close");
    await closed;
  });

  it("frees a request's memory when its sender disconnects", async () => {
    intake = await startTestIntake();
    const socket = intake.connect();
    socket.write(
      "POST /api/push HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
    );
    await until(() => intake.usedBytes() > 0);
    socket.destroy();
    await until(() => intake.usedBytes() === 0);
    expect(intake.produced).toEqual([]);
  });
});
