import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
import { heartbeatV4 } from "@platformatic/kafka";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createKafka } from "../kafka.ts";
import { ensureTopics } from "../admin/topic-admin.ts";
import { answerType } from "./broker-answer.ts";
import { createConnections } from "./connections.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const kafkaAt = (...brokers: string[]) => createKafka({ brokers, clientId: "test", log });

let life: Life;
let topic: string;
beforeEach(async () => {
  life = createLife();
  topic = `connections-${randomUUID()}`;
  const kafka = kafkaAt(addresses.kafkaBrokers);
  await ensureTopics({ kafka, topics: [{ topic, partitions: 3, config: {} }] });
});
afterEach(() => life.stop());

const connect = (...brokers: string[]) =>
  life.own(createConnections(kafkaAt(...brokers)), (owned) => owned.close());

/** Takes connections and says nothing, like a frozen broker. */
async function silentServer(): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  life.own(server, (owned) => {
    for (const socket of sockets) socket.destroy();
    owned.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("connections", () => {
  it("return a topic's log and its leaders", async () => {
    const { log: identity, leaders } = await connect(addresses.kafkaBrokers).topicMetadata(topic);
    expect(new Set(leaders.keys())).toEqual(new Set([0, 1, 2]));
    expect(leaders.get(0)?.address?.port).toBeGreaterThan(0);
    expect(identity.topicId).toMatch(/^[0-9a-f-]{36}$/);
    expect(identity.clusterId).not.toBe("");
  });

  it("report that a topic is missing", async () => {
    const asked = connect(addresses.kafkaBrokers).topicMetadata(`no-${topic}`);
    await expect(asked).rejects.toMatchObject({ type: "UNKNOWN_TOPIC_OR_PARTITION" });
  });

  it("ask the next broker if one is silent or unavailable", async () => {
    const connections = connect("127.0.0.1:1", await silentServer(), addresses.kafkaBrokers);
    const { leaders } = await connections.topicMetadata(topic);
    expect(leaders.size).toBe(3);
  });

  it("return an answer that contains an error, and reject if no broker answers in time", async () => {
    const connections = connect(addresses.kafkaBrokers);
    // A cluster that has just started has to make the topic of offsets first.
    const coordinator = await until(() => connections.coordinator("group", "a-group"), {
      what: "the group has a coordinator",
    });
    const request = { api: heartbeatV4.api, timeoutMs: 5_000 };
    // While it loads the group it says yes to everything.
    const refused = await until(
      async () => {
        const args = ["a-group", 1, "nobody"] as const;
        const answer = await connections.call(coordinator, "group", request, ...args);
        const type = answerType(answer.errorCode);
        return type !== "NOT_COORDINATOR" && type;
      },
      { what: "the heartbeat is refused" },
    );
    expect(refused).toBe("UNKNOWN_MEMBER_ID");

    const [host = "", port] = (await silentServer()).split(":");
    const asked = connections.call(
      { host, port: Number(port) },
      "group",
      { api: heartbeatV4.api, timeoutMs: 100 },
      "a-group",
      1,
      "nobody",
    );
    await expect(asked).rejects.toThrow(`${host}:${port}`);
  });
});
