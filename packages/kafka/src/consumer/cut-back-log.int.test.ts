import { createHealth } from "@fiberstream/runtime/health";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { electLeaders } from "@fiberstream/testkit/elect-leaders";
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
import { runConsumer } from "./consumer.ts";

const TOPIC = "cut-back";
const log = createLog({ service: "test", level: "silent", format: "json" });
const life = createLife();
let cluster: Awaited<ReturnType<typeof startPrivateCluster>>;
let kafka: KafkaClient;
let admin: ReturnType<KafkaClient["admin"]>;

/** One partition, of brokers 2 and 3: broker 1 is there for all that is asked. */
beforeAll(async () => {
  cluster = life.own(await startPrivateCluster(), (owned) => owned.remove());
  kafka = createKafka({ brokers: cluster.addresses, clientId: "test", log });
  admin = life.own(kafka.admin(), (owned) => owned.disconnect());
  await admin.connect();
  const configEntries = [
    { name: "min.insync.replicas", value: "1" },
    { name: "unclean.leader.election.enable", value: "true" },
  ];
  const replicaAssignment = [{ partition: 0, replicas: [2, 3] }];
  await admin.createTopics({ topics: [{ topic: TOPIC, replicaAssignment, configEntries }] });
}, 180_000);
afterAll(() => life.stop());

/** Settles when they have taken so many records, one batch each, by whoever leads. */
const produce = async (count: number) => {
  const producer = await connectProducer({ kafka });
  try {
    for (let left = count; left > 0; left--) {
      await until(
        () => producer.send(TOPIC, [{ key: "k", value: Buffer.from("v") }]).then(() => true),
        { what: "a record is taken", timeoutMs: 60_000 },
      );
    }
  } finally {
    await producer.close();
  }
};

const inSync = async () => {
  const { topics } = await admin.fetchTopicMetadata({ topics: [TOPIC] });
  return topics[0]?.partitions[0]?.isr ?? [];
};

const leader = async () => {
  const connections = createConnections(kafka);
  try {
    return (await connections.topicMetadata(TOPIC)).leaders.get(0);
  } finally {
    await connections.close();
  }
};

/** A process of the group, from its start to its end; it commits to `position`. */
async function consume(position: { now: Position }) {
  const health = createHealth();
  const batches: RecordBatch[] = [];
  const consumer = await until(
    () =>
      runConsumer({
        kafka,
        groupId: "readers",
        topic: TOPIC,
        positionsOf: async () => new Map([[0, position.now]]),
        processBatch: async (batch) => {
          batches.push(batch);
          position.now = epochOffset(batch.nextOffset, batch.leaderEpoch);
        },
        metrics: createPipelineMetrics({ registry: new Registry(), stage: "sink" }),
        health,
        log,
      }),
    { what: "a process runs", timeoutMs: 60_000 },
  );
  return { health, batches, close: () => consumer.close() };
}

it("is told by a process that has never read it, though it is longer again than it was read", async () => {
  await produce(3);
  await until(async () => (await inSync()).length === 2, { what: "both have it" });
  await cluster.broker(3).kill();
  await until(async () => (await inSync()).join() === "2", {
    what: "broker 3 is known to be behind",
    timeoutMs: 60_000,
  });
  await produce(2);
  const position: { now: Position } = { now: 0n };
  const first = await consume(position);
  const readTo = () => (typeof position.now === "object" ? position.now : undefined);
  await until(() => readTo(), { what: "an epoch is known" });
  await until(() => Number(first.batches.at(-1)?.nextOffset) >= 5, { what: "all is read" });
  await first.close();
  const end = first.batches.at(-1)?.nextOffset ?? 0n;
  const epoch = (await leader())?.epoch ?? NaN;

  await cluster.broker(2).kill();
  await cluster.broker(3).start();
  await until(
    async () => {
      await electLeaders([cluster.broker(1).address], "unclean");
      const now = await leader();
      return now?.address !== undefined && now.epoch > epoch;
    },
    { what: "broker 3 leads", timeoutMs: 90_000 },
  );
  await produce(6);

  const second = await consume(position);
  await until(
    () =>
      JSON.stringify(second.health.readiness()).includes(
        `was truncated to offset 3, but was read up to ${end}`,
      ),
    { what: "it is told", timeoutMs: 60_000 },
  );
  expect(second.batches).toEqual([]);

  // An operator has it go on where the logs part.
  position.now = 3n;
  await until(() => second.batches.length > 0, { what: "it goes on", timeoutMs: 60_000 });
  expect(second.batches[0]?.firstOffset).toBe(3n);
  await second.close();
}, 300_000);
