import { TransientError } from "@fiberstream/runtime/errors";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { createPlacedTopics, keyOfPartition } from "@fiberstream/testkit/placed-topics";
import { startPrivateCluster } from "@fiberstream/testkit/private-cluster";
import { until } from "@fiberstream/testkit/until";
import { heartbeatV4 } from "@platformatic/kafka";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { createConnections, nameOf } from "../broker/connections.ts";
import { createKafka, type KafkaClient } from "../kafka.ts";
import { connectProducer } from "./producer.ts";
import { createTopicCheck } from "../admin/topic-check.ts";

const TOPIC = "one-replica-each";
const FOLLOWED = "one-with-a-follower";
const FROZEN = 2;
const ANSWER_MAX_WAIT_MS = 6_000;
const log = createLog({ service: "test", level: "silent", format: "json" });
const life = createLife();
let cluster: Awaited<ReturnType<typeof startPrivateCluster>>;
let kafka: KafkaClient;

/**
 * Partition 0 is kept by broker 1 alone, 1 by 2, 2 by 3. Of the other topic broker 1 leads partitions 0 and 1, and
 * broker 3 follows the latter only.
 */
beforeAll(async () => {
  cluster = life.own(await startPrivateCluster(), (owned) => owned.remove());
  kafka = createKafka({ brokers: cluster.addresses, clientId: "test", log });
  const topics = {
    [TOPIC]: [[1], [2], [3]],
    [FOLLOWED]: [
      [1, 2],
      [1, 3],
      [2, 1],
    ],
  };
  await createPlacedTopics({ brokers: cluster.addresses, topics });
}, 180_000);
afterAll(() => life.stop());

const keyOf = (partition: number) => keyOfPartition(partition, 3);
const recordsOf = (...partitions: number[]) =>
  partitions.map((partition) => ({ key: keyOf(partition), value: null }));

it("waits for a frozen broker only with the records of the partitions that it leads", async () => {
  const options = { kafka, answerMaxWaitMs: ANSWER_MAX_WAIT_MS };
  const producer = life.own(await connectProducer(options), (owned) => owned.close());
  const check = life.own(createTopicCheck({ kafka, topic: TOPIC }), (owned) => owned.close());
  const deliver = (...partitions: number[]) => producer.deliver(TOPIC, recordsOf(...partitions));
  await until(async () => (await deliver(0, 1, 2)).every((one) => one === undefined), {
    what: "all partitions take records",
  });
  const leaders = producer.leadersOf(TOPIC);
  expect(leaders?.names).toHaveLength(3);
  expect(new Set([0, 1, 2].map((one) => leaders?.nameOfKey(keyOf(one))))).toEqual(
    new Set(leaders?.names),
  );

  await cluster.broker(3).freeze();
  const over = new AbortController();
  const frozen = deliver(FROZEN).finally(() => over.abort());
  let rounds = 0;
  let longestMs = 0;
  while (!over.signal.aborted) {
    const begunMs = performance.now();
    expect(await deliver(0, 1)).toEqual([undefined, undefined]);
    longestMs = Math.max(longestMs, performance.now() - begunMs);
    rounds++;
  }
  const [failure] = await frozen;
  expect(failure).toBeInstanceOf(TransientError);
  expect(rounds).toBeGreaterThan(20);
  expect(longestMs).toBeLessThan(ANSWER_MAX_WAIT_MS / 2);

  // Whoever comes new, and whoever only looks, is not held up for good either.
  const newcomer = life.own(await connectProducer(options), (owned) => owned.close());
  const records = recordsOf(0, 1);
  expect(await newcomer.deliver(TOPIC, records)).toEqual([undefined, undefined]);
  for (const _ of cluster.addresses) await check.check();

  await cluster.broker(3).thaw();
  await until(async () => (await deliver(FROZEN))[0] === undefined, {
    what: "the partition takes records again",
    timeoutMs: 60_000,
  });
}, 240_000);

it("waits for a frozen follower only with the records of the partitions that it follows", async () => {
  const options = { kafka, answerMaxWaitMs: ANSWER_MAX_WAIT_MS };
  const producer = life.own(await connectProducer(options), (owned) => owned.close());
  const deliver = (...partitions: number[]) => producer.deliver(FOLLOWED, recordsOf(...partitions));
  const names = () => producer.leadersOf(FOLLOWED)?.names.length;
  await until(async () => (await deliver(0, 1, 2)).every((one) => one === undefined), {
    what: "all partitions take records",
    timeoutMs: 60_000,
  });
  expect(names()).toBe(2);

  await cluster.broker(3).freeze();
  const [alone, followed, other] = await deliver(0, 1, 2);
  expect([alone, other]).toEqual([undefined, undefined]);
  expect(followed?.message).toContain("REQUEST_TIMED_OUT");
  expect(names()).toBe(3);

  const over = new AbortController();
  const waiting = deliver(1).finally(() => over.abort());
  let longestMs = 0;
  while (!over.signal.aborted) {
    const begunMs = performance.now();
    expect(await deliver(0, 2)).toEqual([undefined, undefined]);
    longestMs = Math.max(longestMs, performance.now() - begunMs);
  }
  await waiting;
  expect(longestMs).toBeLessThan(ANSWER_MAX_WAIT_MS / 2);

  await until(async () => (await deliver(1))[0] === undefined, {
    what: "Kafka waits for the follower no more",
    timeoutMs: 60_000,
  });
  expect(names()).toBe(2);
  await cluster.broker(3).thaw();
}, 240_000);

it("ends the requests to a frozen broker as soon as the cluster has removed it", async () => {
  const connections = life.own(createConnections(kafka), (owned) => owned.close());
  const leader = await until(
    async () => (await connections.topicMetadata(TOPIC)).leaders.get(FROZEN)?.address,
    { what: "the broker leads its partition", timeoutMs: 60_000 },
  );
  await cluster.broker(3).freeze();
  const request = { api: heartbeatV4.api, timeoutMs: 90_000 };
  const calls = ["one", "other"].map((channel) =>
    connections.call(leader, channel, request, "a-group", 1, "a-member").catch(String),
  );
  const absent = `Error: ${nameOf(leader)} is no longer in the cluster`;
  expect(await Promise.all(calls)).toEqual([absent, absent]);
  await cluster.broker(3).thaw();
}, 240_000);
