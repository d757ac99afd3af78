import { randomUUID } from "node:crypto";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { afterAll, describe, expect, it } from "@jest/globals";
import { createClusterWatch } from "./cluster-state.ts";
import { createKafka } from "../kafka.ts";
import { connectProducer } from "../producer/producer.ts";
import { ensureTopics } from "./topic-admin.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
const topic = `cluster-${randomUUID()}`;
const watch = createClusterWatch({ kafka, topics: [topic], log });
afterAll(() => watch.close());

describe("the state of the cluster", () => {
  it("has brokers, replicas, the size of topics on disk, and how full the disks are", async () => {
    await ensureTopics({
      kafka,
      topics: [{ topic, partitions: 2, config: { "retention.ms": "3600000" } }],
    });
    const producer = await connectProducer({ kafka });
    await producer.send(topic, [{ key: "a", value: Buffer.alloc(100_000, "x") }]);
    await producer.close();

    const { brokers, topics, disks } = await watch.read();
    expect(brokers).toBe(1);
    expect(topics).toEqual([
      {
        topic,
        underReplicated: 0,
        leaderless: 0,
        bytes: expect.any(Number),
        retentionMs: 3_600_000,
      },
    ]);
    expect(topics[0]?.bytes).toBeGreaterThan(100_000);
    expect(topics[0]?.bytes).toBeLessThan(110_000);
    expect(disks).toEqual([
      { broker: 1, totalBytes: expect.any(Number), usableBytes: expect.any(Number) },
    ]);
    expect(disks[0]?.totalBytes).toBeGreaterThan(disks[0]?.usableBytes ?? 0);
  });
});
