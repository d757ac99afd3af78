import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { until } from "@fiberstream/testkit/until";
import { heartbeatV4 } from "@platformatic/kafka";
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { createKafka, type KafkaAccess } from "../kafka.ts";
import {
  type BrokerAddress,
  type ConnectionPool,
  createConnectionPool,
} from "./connection-pool.ts";
import { SASL_HANDSHAKE, sessionAnswer, startFakeBroker } from "./testing/fake-broker.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });

let life: Life;
beforeEach(() => {
  life = createLife();
});
afterEach(() => life.stop());

/** When the library renews a session of 60 s: after 80 % of it. */
const RENEWED_AFTER_MS = 48_000;

/** An answer to a heartbeat without an error. */
const FINE = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0]);

/** Answers byte by byte, one in each `everyMs`; a cut answer lacks its last byte, an endless one never has it. */
async function slowBroker(options: {
  everyMs: number;
  answer?: "whole" | "cut" | "endless";
}): Promise<BrokerAddress> {
  const { everyMs, answer: kind = "whole" } = options;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (request) => {
      const size = 4 + FINE.length + (kind === "whole" ? 0 : kind === "cut" ? 1 : 1_000_000);
      const answer = Buffer.alloc(4 + 4 + FINE.length);
      answer.writeInt32BE(size, 0);
      request.copy(answer, 4, 8, 12);
      FINE.copy(answer, 8);
      let sent = 0;
      const timer = setInterval(() => {
        if (sent >= answer.length && kind !== "endless") return clearInterval(timer);
        socket.write(Buffer.from([answer[sent++] ?? 0]));
      }, everyMs);
      socket.on("close", () => clearInterval(timer));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  life.own(server, (owned) => {
    for (const socket of sockets) socket.destroy();
    owned.close();
  });
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

function createPool(): ConnectionPool {
  const kafka = createKafka({ brokers: ["127.0.0.1:1"], clientId: "test", log });
  return life.own(createConnectionPool(kafka.access), (owned) => owned.close());
}

const beat = (broker: BrokerAddress, timeoutMs: number) =>
  createPool().call(broker, "group", { api: heartbeatV4.api, timeoutMs }, "a-group", 1, "a-member");

describe("the time limit of a call", () => {
  it("starts again as long as bytes arrive", async () => {
    const begunMs = performance.now();
    const answer = await beat(await slowBroker({ everyMs: 100 }), 400);
    expect(answer.errorCode).toBe(0);
    expect(performance.now() - begunMs).toBeGreaterThan(800);
  });

  it("reports bytes that arrive, so that a slow answer does not count as silence", async () => {
    const broker = await slowBroker({ everyMs: 50 });
    let told = 0;
    const request = { api: heartbeatV4.api, timeoutMs: 400, onProgress: () => void told++ };
    await createPool().call(broker, "group", request, "a-group", 1, "a-member");
    expect(told).toBeGreaterThan(3);
  });

  it("ends a call whose answer stays incomplete", async () => {
    const asked = beat(await slowBroker({ everyMs: 5, answer: "cut" }), 400);
    await expect(asked).rejects.toThrow("127.0.0.1");
  });

  it("ends a call whose answer takes too long", async () => {
    const begunMs = performance.now();
    const asked = beat(await slowBroker({ everyMs: 10, answer: "endless" }), 100);
    await expect(asked).rejects.toThrow("127.0.0.1");
    expect(performance.now() - begunMs).toBeGreaterThan(1_000);
  });
});

describe("a session that ends by itself (KIP-368)", () => {
  const access: KafkaAccess = {
    brokers: ["127.0.0.1:1"],
    clientId: "test",
    security: { sasl: { mechanism: "plain", username: "a", password: "b" } },
  };
  const beatOver = (pool: ConnectionPool, broker: BrokerAddress) =>
    pool.call(broker, "group", { api: heartbeatV4.api, timeoutMs: 2_000 }, "a-group", 1, "one");

  it("leaves no timer when its connection is closed", async () => {
    const broker = await startFakeBroker(life, ({ apiKey }) =>
      sessionAnswer(apiKey, { lifetimeMs: 60_000 }),
    );
    const set = jest.spyOn(globalThis, "setTimeout");
    // Which of the two is called makes no difference to Node.
    const clears = [
      jest.spyOn(globalThis, "clearTimeout"),
      jest.spyOn(globalThis, "clearInterval"),
    ];
    life.own(jest, (owned) => owned.restoreAllMocks());
    const pool = createConnectionPool(access);
    await beatOver(pool, broker);
    const timers = set.mock.calls.flatMap(([, ms], call) =>
      ms === RENEWED_AFTER_MS ? [set.mock.results[call]?.value] : [],
    );
    expect(timers).toHaveLength(1);
    const isTakenBack = () =>
      clears.some(({ mock }) => mock.calls.some(([timer]) => timer === timers[0]));
    expect(isTakenBack()).toBe(false);
    await pool.close();
    await until(isTakenBack, { what: "the session's timer is taken back", timeoutMs: 2_000 });
  });

  it("is not renewed during calls: they use a new connection before that", async () => {
    const connections = new Set<number>();
    let logins = 0;
    const broker = await startFakeBroker(life, ({ apiKey, connection }) => {
      connections.add(connection);
      if (apiKey === SASL_HANDSHAKE) logins++;
      return sessionAnswer(apiKey, { lifetimeMs: 4_000 });
    });
    const pool = life.own(createConnectionPool(access), (owned) => owned.close());
    await until(
      async () => {
        await beatOver(pool, broker);
        return connections.size === 3;
      },
      { what: "a third connection is used", timeoutMs: 12_000 },
    );
    expect(logins).toBe(3);
  });
});
