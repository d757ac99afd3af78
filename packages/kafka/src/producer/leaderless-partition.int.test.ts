import { TransientError } from "@fiberstream/runtime/errors";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { createPlacedTopics, keyOfPartition } from "@fiberstream/testkit/placed-topics";
import { startPrivateCluster } from "@fiberstream/testkit/private-cluster";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { createClusterWatch } from "../admin/cluster-state.ts";
import { groupLags } from "../admin/group-lag.ts";
import { createKafka, type KafkaClient } from "../kafka.ts";
import { isBrokersAnswer } from "../errors/kafka-errors.ts";
import { connectProducer } from "./producer.ts";
import { createTopicCheck } from "../admin/topic-check.ts";
import { topicDescription } from "../admin/describe-topic.ts";
import { connectTopicReader } from "../reader/topic-reader.ts";

const TOPIC = "one-replica-each";
const LOST = 2;
const log = createLog({ service: "test", level: "silent", format: "json" });
const life = createLife();
let cluster: Awaited<ReturnType<typeof startPrivateCluster>>;
let kafka: KafkaClient;

/** Partition 0 is kept by broker 1 alone, 1 by 2, 2 by 3. */
beforeAll(async () => {
  cluster = life.own(await startPrivateCluster(), (owned) => owned.remove());
  kafka = createKafka({ brokers: cluster.addresses, clientId: "test", log });
  await createPlacedTopics({ brokers: cluster.addresses, topics: { [TOPIC]: [[1], [2], [3]] } });
  const admin = kafka.admin();
  await admin.connect();
  const partitions = [0, 1, 2].map((partition) => ({ partition, offset: "0" }));
  await until(
    () => admin.setOffsets({ groupId: "readers", topic: TOPIC, partitions }).then(() => true),
    {
      what: "a group has committed offsets",
    },
  );
  await admin.disconnect();
}, 180_000);
afterAll(() => life.stop());

const records = () =>
  [0, 1, 2].map((partition) => ({ key: keyOfPartition(partition, 3), value: null }));

it("continues with the other partitions of a topic, and reports how many have no leader", async () => {
  const producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
  const watch = life.own(createClusterWatch({ kafka, topics: [TOPIC], log }), (one) => one.close());
  const reader = life.own(await connectTopicReader({ kafka }), (one) => one.close());
  const check = life.own(createTopicCheck({ kafka, topic: TOPIC }), (owned) => owned.close());
  await until(
    async () => (await producer.deliver(TOPIC, records())).every((one) => one === undefined),
    { what: "all partitions take records" },
  );
  expect((await watch.read()).topics).toMatchObject([{ topic: TOPIC, leaderless: 0 }]);

  await cluster.broker(3).kill();
  await until(async () => (await watch.read()).topics[0]?.leaderless === 1, {
    what: "one partition has no leader",
    timeoutMs: 60_000,
  });

  const newcomer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
  for (const one of [producer, newcomer]) {
    const failures = await one.deliver(TOPIC, records());
    expect(failures[LOST]).toBeInstanceOf(TransientError);
    expect(isBrokersAnswer(failures[LOST])).toBe(true);
    expect(failures.toSpliced(LOST, 1)).toEqual([undefined, undefined]);
  }
  await check.check();
  const begunMs = performance.now();
  for (const partition of [0, 1]) {
    const range = await reader.range(TOPIC, partition);
    expect(range).toMatchObject({ partition, from: 0n });
    const values: unknown[] = [];
    for await (const some of reader.read(TOPIC, range)) values.push(...some);
    expect(values).toHaveLength(Number(range.until));
  }
  expect(performance.now() - begunMs).toBeLessThan(10_000);
  await expect(reader.range(TOPIC, LOST)).rejects.toThrow(TransientError);
  const { partitions } = await topicDescription({ kafka, topic: TOPIC });
  expect(partitions).toMatchObject([
    { leader: 1, low: 0n, high: expect.any(BigInt) },
    { leader: 2, low: 0n, high: expect.any(BigInt) },
    { leader: -1, low: undefined, high: undefined },
  ]);
  const high = partitions.slice(0, LOST).reduce((sum, one) => sum + Number(one.high), 0);
  expect(await groupLags({ kafka, topic: TOPIC, nowMs: Date.now() })).toMatchObject([
    { groupId: "readers", partitions: 3, leaderless: 1, records: high },
  ]);

  await cluster.broker(3).start();
  await until(
    async () => (await producer.deliver(TOPIC, records())).every((one) => one === undefined),
    { what: "the partition takes records again", timeoutMs: 60_000 },
  );
  expect((await watch.read()).topics).toMatchObject([{ topic: TOPIC, leaderless: 0 }]);
}, 240_000);
