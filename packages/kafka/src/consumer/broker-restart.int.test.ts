import { TransientError } from "@fiberstream/runtime/errors";
import { createHealth } from "@fiberstream/runtime/health";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { startPrivateBackingService } from "@fiberstream/testkit/private-backing-service";
import { until } from "@fiberstream/testkit/until";
import { expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import { runConsumer } from "./consumer.ts";
import { createKafka } from "../kafka.ts";
import { createPipelineMetrics } from "../telemetry/pipeline-metrics.ts";
import { connectProducer } from "../producer/producer.ts";
import { ensureTopics } from "../admin/topic-admin.ts";

const SESSION_TIMEOUT_MS = 60_000;

it("resumes after a broker's restart without waiting for the session of its former member id", async () => {
  const life = createLife();
  const log = createLog({ service: "test", level: "silent", format: "json" });
  const broker = await startPrivateBackingService("kafka");
  life.own(broker, (owned) => owned.remove());
  try {
    const kafka = createKafka({ brokers: [broker.address], clientId: "test", log });
    await ensureTopics({ kafka, topics: [{ topic: "t", partitions: 2, config: {} }] });
    const health = createHealth();
    const seen: string[] = [];
    let isBack = false;
    const begun = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    const send = (value: string) =>
      producer.send("t", [{ key: null, value: Buffer.from(value) }]).then(() => true);
    const producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
    life.own(
      await runConsumer({
        kafka,
        groupId: "g",
        topic: "t",
        sessionTimeoutMs: SESSION_TIMEOUT_MS,
        positionsOf: async (partitions) =>
          new Map(partitions.map((partition) => [partition, "beginning"])),
        processBatch: async ({ records }) => {
          begun.resolve();
          // In the middle of a batch, which fails when the consumer has been stopped.
          await stopped.promise;
          if (!isBack) throw new TransientError("postgres", "not now");
          seen.push(...records.map(({ value }) => String(value)));
        },
        metrics: createPipelineMetrics({ registry: new Registry(), stage: "sink" }),
        health,
        log,
      }),
      (owned) => owned.close(),
    );
    await until(() => health.isReady(), { what: "the consumer has joined", timeoutMs: 30_000 });
    await send("a");
    await begun.promise;

    await broker.kill();
    await until(() => !health.isReady(), { what: "the consumer misses its broker" });
    stopped.resolve();
    await broker.start();
    isBack = true;
    const restartedMs = performance.now();
    await until(() => send("b"), { what: "the broker takes records", timeoutMs: 30_000 });
    await until(() => seen.includes("a") && seen.includes("b"), {
      what: "the consumer goes on",
      timeoutMs: 120_000,
    });
    expect(new Set(seen)).toEqual(new Set(["a", "b"]));
    expect(performance.now() - restartedMs).toBeLessThan(SESSION_TIMEOUT_MS / 2);
  } finally {
    await life.stop();
  }
}, 240_000);
