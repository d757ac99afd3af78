import { randomUUID } from "node:crypto";
import { createHealth } from "@fiberstream/runtime/health";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import { runConsumer } from "../consumer/consumer.ts";
import { createKafka } from "../kafka.ts";
import { createPipelineMetrics } from "../telemetry/pipeline-metrics.ts";
import { connectProducer, type Producer } from "../producer/producer.ts";
import { ensureTopics } from "../admin/topic-admin.ts";

const LINGER_MS = 3_000;
const log = createLog({ service: "test", level: "silent", format: "json" });
const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });

let life: Life;
let topic: string;
let producer: Producer;
/** The batches that came, and when, ms. */
let batches: { atMs: number; values: string[] }[];

beforeEach(async () => {
  life = createLife();
  batches = [];
  topic = `linger-${randomUUID()}`;
  await ensureTopics({ kafka, topics: [{ topic, partitions: 1, config: {} }] });
  producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
  life.own(
    await runConsumer({
      kafka,
      groupId: topic,
      topic,
      minBytes: 100_000,
      maxWaitMs: LINGER_MS,
      positionsOf: async () => new Map([[0, "beginning"]]),
      processBatch: async ({ records }) => {
        const values = records.map(({ value }) => String(value));
        batches.push({ atMs: performance.now(), values });
      },
      metrics: createPipelineMetrics({ registry: new Registry(), stage: "sink" }),
      health: createHealth(),
      log,
    }),
    (owned) => owned.close(),
  );
});
afterEach(() => life.stop());

const send = (value: string) => producer.send(topic, [{ key: "k", value: Buffer.from(value) }]);

describe("a consumer that wants more than one record", () => {
  it("gets a single record at once, and those after it together", async () => {
    const sentMs = performance.now();
    await send("alone");
    await until(() => batches.length > 0, { what: "the first record came" });
    expect((batches[0]?.atMs ?? 0) - sentMs).toBeLessThan(LINGER_MS);
    for (const value of ["b", "c", "d"]) await send(value);
    await until(() => batches.length > 1, { what: "the others came" });
    expect(batches.map(({ values }) => values)).toEqual([["alone"], ["b", "c", "d"]]);
    expect((batches[1]?.atMs ?? 0) - (batches[0]?.atMs ?? 0)).toBeGreaterThan(LINGER_MS * 0.9);
  });

  it("waits no longer when it has the wanted number", async () => {
    await send("alone");
    await until(() => batches.length > 0, { what: "the first record came" });
    await send("x".repeat(200_000));
    await until(() => batches.length > 1, { what: "the large one came" });
    expect((batches[1]?.atMs ?? 0) - (batches[0]?.atMs ?? 0)).toBeLessThan(LINGER_MS);
  });
});
