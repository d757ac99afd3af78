import { createHealth } from "@fiberstream/runtime/health";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { electLeaders } from "@fiberstream/testkit/elect-leaders";
import { createPlacedTopics } from "@fiberstream/testkit/placed-topics";
import { startPrivateCluster } from "@fiberstream/testkit/private-cluster";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import { createConnections } from "../broker/connections.ts";
import { createKafka, type KafkaClient } from "../kafka.ts";
import { epochOffset, type Position } from "../errors/partition-fault.ts";
import { createPipelineMetrics } from "../telemetry/pipeline-metrics.ts";
import { connectProducer } from "../producer/producer.ts";
import type { RecordBatch } from "../records.ts";
import { type ConsumerOptions, runConsumer } from "./consumer.ts";

const TOPIC = "cut-back";
const LONGER_TOPIC = "longer-again";
const log = createLog({ service: "test", level: "silent", format: "json" });
const life = createLife();
let cluster: Awaited<ReturnType<typeof startPrivateCluster>>;
let kafka: KafkaClient;
let admin: ReturnType<KafkaClient["admin"]>;

/** Topics of one partition, of brokers 2 and 3: broker 1 is there for all that is asked. */
beforeAll(async () => {
  cluster = life.own(await startPrivateCluster(), (owned) => owned.remove());
  kafka = createKafka({ brokers: cluster.addresses, clientId: "test", log });
  admin = life.own(kafka.admin(), (owned) => owned.disconnect());
  await admin.connect();
  await createPlacedTopics({
    brokers: cluster.addresses,
    topics: { [TOPIC]: [[2, 3]], [LONGER_TOPIC]: [[2, 3]] },
    config: { "unclean.leader.election.enable": "true" },
  });
}, 180_000);
afterAll(() => life.stop());

/** Settles when they have taken so many records, one batch each, by whoever leads. */
const produce = async (topic: string, count: number) => {
  const producer = await connectProducer({ kafka });
  try {
    for (let left = count; left > 0; left--) {
      await until(
        () => producer.send(topic, [{ key: "k", value: Buffer.from("v") }]).then(() => true),
        { what: "a record is taken", timeoutMs: 60_000 },
      );
    }
  } finally {
    await producer.close();
  }
};

const inSync = async (topic: string) => {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  return topics[0]?.partitions[0]?.isr ?? [];
};

const leader = async (topic: string) => {
  const connections = createConnections(kafka);
  try {
    return (await connections.topicMetadata(topic)).leaders.get(0);
  } finally {
    await connections.close();
  }
};

/** Settles when `from` is down and `to`, which lacks its last records, leads the topic. */
const electInstead = async (topic: string, { from, to }: { from: number; to: number }) => {
  const epoch = (await leader(topic))?.epoch ?? NaN;
  await cluster.broker(from).kill();
  await cluster.broker(to).start();
  await until(
    async () => {
      await electLeaders([cluster.broker(1).address], "unclean");
      const now = await leader(topic);
      return now?.address !== undefined && now.epoch > epoch;
    },
    { what: `broker ${to} leads`, timeoutMs: 90_000 },
  );
};

/** A process of the group, from its start to its end; it commits to `position`. */
async function consume(
  topic: string,
  position: { now: Position },
  more: Partial<ConsumerOptions> = {},
) {
  const health = createHealth();
  const batches: RecordBatch[] = [];
  const consumer = await until(
    () =>
      runConsumer({
        kafka,
        groupId: `readers-${topic}`,
        topic,
        positionsOf: async () => new Map([[0, position.now]]),
        processBatch: async (batch) => {
          batches.push(batch);
          position.now = epochOffset(batch.nextOffset, batch.leaderEpoch);
        },
        metrics: createPipelineMetrics({ registry: new Registry(), stage: "sink" }),
        health,
        log,
        ...more,
      }),
    { what: "a process runs", timeoutMs: 60_000 },
  );
  const says = (reason: string) =>
    until(() => JSON.stringify(health.readiness()).includes(reason), {
      what: `it reports "${reason}"`,
      timeoutMs: 60_000,
    });
  return { batches, says, close: () => consumer.close() };
}

it("is detected by a process that has never read it, although the log has grown again since", async () => {
  await produce(TOPIC, 3);
  await until(async () => (await inSync(TOPIC)).length === 2, { what: "both have it" });
  await cluster.broker(3).kill();
  await until(async () => (await inSync(TOPIC)).join() === "2", {
    what: "broker 3 is known to be behind",
    timeoutMs: 60_000,
  });
  await produce(TOPIC, 2);
  const position: { now: Position } = { now: 0n };
  const first = await consume(TOPIC, position);
  const readTo = () => (typeof position.now === "object" ? position.now : undefined);
  await until(() => readTo(), { what: "an epoch is known" });
  await until(() => Number(first.batches.at(-1)?.nextOffset) >= 5, { what: "all is read" });
  await first.close();
  const end = first.batches.at(-1)?.nextOffset ?? 0n;

  await electInstead(TOPIC, { from: 2, to: 3 });
  await produce(TOPIC, 6);

  const second = await consume(TOPIC, position);
  await second.says(`was truncated to offset 3, but was read up to ${end}`);
  expect(second.batches).toEqual([]);

  // An operator has it go on where the logs part.
  position.now = 3n;
  await until(() => second.batches.length > 0, { what: "it goes on", timeoutMs: 60_000 });
  expect(second.batches[0]?.firstOffset).toBe(3n);
  await second.close();
}, 300_000);

it("stops at an old leader whose log is longer than what was read, with and without records to replay", async () => {
  await cluster.broker(2).start();
  await until(async () => (await inSync(LONGER_TOPIC)).length === 2, {
    what: "both are in sync",
    timeoutMs: 90_000,
  });
  await produce(LONGER_TOPIC, 3);
  await cluster.broker(3).kill();
  await until(async () => (await inSync(LONGER_TOPIC)).join() === "2", {
    what: "broker 3 is known to be behind",
    timeoutMs: 60_000,
  });
  await produce(LONGER_TOPIC, 20);
  await electInstead(LONGER_TOPIC, { from: 2, to: 3 });
  await produce(LONGER_TOPIC, 2);

  const position: { now: Position } = { now: 0n };
  const reader = await consume(LONGER_TOPIC, position);
  await until(() => Number(reader.batches.at(-1)?.nextOffset) >= 5, { what: "all is read" });
  const { nextOffset: readTo, leaderEpoch } = reader.batches.at(-1) ?? {};
  const batches = reader.batches.length;

  await electInstead(LONGER_TOPIC, { from: 3, to: 2 });
  const reason = `was read up to ${readTo} in leader epoch ${leaderEpoch}, which its log lacks`;
  await reader.says(reason);
  expect(reader.batches).toHaveLength(batches);
  await reader.close();

  const replayed: unknown[] = [];
  for (const more of [
    {},
    { replayFrom: async () => 0n, replay: async () => void replayed.push("records") },
  ]) {
    const heir = await consume(LONGER_TOPIC, position, more);
    await heir.says(reason);
    expect(heir.batches).toEqual([]);
    await heir.close();
  }
  expect(replayed).toEqual([]);
}, 400_000);
