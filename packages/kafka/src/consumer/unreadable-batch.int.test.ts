import { randomUUID } from "node:crypto";
import { createHealth } from "@fiberstream/runtime/health";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { type ForeignCodec, produceForeign } from "@fiberstream/testkit/foreign-producer";
import { until } from "@fiberstream/testkit/until";
import { afterEach, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import { createKafka } from "../kafka.ts";
import { createPipelineMetrics } from "../telemetry/pipeline-metrics.ts";
import { ensureTopics } from "../admin/topic-admin.ts";
import { runConsumer } from "./consumer.ts";

const brokers = addresses.kafkaBrokers;
const log = createLog({ service: "test", level: "silent", format: "json" });
const kafka = createKafka({ brokers: [brokers], clientId: "test", log });
/** More than may be unpacked of a batch; Kafka takes it, packed to some KB. */
const TOO_MUCH = Buffer.alloc(70_000_000);

let life: Life;
afterEach(() => life.stop());

it("stops only its partition, which resumes at the offset that an operator sets", async () => {
  life = createLife();
  const topic = `unreadable-${randomUUID()}`;
  await ensureTopics({ kafka, topics: [{ topic, partitions: 2, config: {} }] });
  const send = (partition: number, value: string | Buffer, codec: ForeignCodec = "none") =>
    produceForeign({
      brokers,
      topic,
      partition,
      codec,
      records: [{ key: "k", value: Buffer.from(value) }],
    });
  await send(0, "before");
  await send(0, TOO_MUCH, "zstd");
  await send(0, "behind");
  await send(1, "beside");

  const done: string[] = [];
  const next = new Map<number, bigint>([
    [0, 0n],
    [1, 0n],
  ]);
  const health = createHealth();
  const registry = new Registry();
  const stopped = async () =>
    (await registry.getSingleMetricAsString("fiberstream_pipeline_partition_stopped"))
      .split("\n")
      .filter((line) => line.endsWith(" 1"));
  const consumer = life.own(
    await runConsumer({
      kafka,
      groupId: topic,
      topic,
      positionsOf: async () => next,
      processBatch: async ({ partition, records, nextOffset }) => {
        done.push(...records.map(({ value }) => `${partition} ${String(value)}`));
        next.set(partition, nextOffset);
      },
      metrics: createPipelineMetrics({ registry, stage: "sink" }),
      health,
      log,
    }),
    (owned) => owned.close(),
  );
  await until(async () => (await stopped()).length > 0, { what: "its partition is stopped" });
  expect(await stopped()).toEqual([expect.stringContaining('partition="0"')]);
  await send(1, "beside, later");
  await until(() => done.includes("1 beside, later"), { what: "the other one goes on" });
  expect(done.filter((value) => value.startsWith("0"))).toEqual(["0 before"]);
  expect(next.get(0)).toBe(1n);
  expect(health.isReady()).toBe(false);

  next.set(0, 2n);
  consumer.reseek(0);
  await until(() => done.includes("0 behind"), { what: "it goes on behind the batch" });
  await until(() => health.isReady(), { what: "the consumer is ready" });
  expect(await stopped()).toEqual([]);
});
