import { randomUUID } from "node:crypto";
import { TransientError } from "@fiberstream/runtime/errors";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { startPrivateBackingService } from "@fiberstream/testkit/private-backing-service";
import type { TestBackingService } from "@fiberstream/testkit/test-backing-service";
import { until } from "@fiberstream/testkit/until";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { connectGroupOffsets, type GroupOffsets } from "../admin/group-offsets.ts";
import { createKafka, type KafkaClient } from "../kafka.ts";
import { ensureTopics } from "../admin/topic-admin.ts";
import { connectTopicReader } from "../reader/topic-reader.ts";
import { createTransactionalProducer, type TransactionScope } from "./transactional-producer.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });

let broker: TestBackingService & { remove: () => Promise<void> };
let kafka: KafkaClient;
let life: Life;
let topic: string;
let groupId: string;

beforeAll(async () => {
  broker = await startPrivateBackingService("kafka");
  kafka = createKafka({ brokers: [broker.address], clientId: "test", log });
});
afterAll(() => broker.remove());
beforeEach(async () => {
  life = createLife();
  topic = `transactions-${randomUUID()}`;
  groupId = `group-${randomUUID()}`;
  await ensureTopics({ kafka, topics: [{ topic, partitions: 1, config: {} }] });
});
afterEach(() => life.stop());

const connectProducer = () =>
  life.own(createTransactionalProducer({ kafka, transactionalId: `tx-${topic}` }), (owned) =>
    owned.close(),
  );
const connectOffsets = async (): Promise<GroupOffsets> =>
  life.own(await connectGroupOffsets({ kafka, groupId, topic }), (owned) => owned.close());
const write = (value: string, nextOffset: bigint) => async (scope: TransactionScope) => {
  await Promise.all([
    scope.send([{ topic, partition: 0, records: [{ key: null, value: Buffer.from(value) }] }]),
    scope.commitOffsets({ groupId, topic, partitions: [{ partition: 0, nextOffset }] }),
  ]);
};
const committedValues = async () => {
  const reader = await connectTopicReader({ kafka });
  const values: string[] = [];
  for (const range of await reader.ranges(topic)) {
    for await (const records of reader.read(topic, range)) {
      values.push(...records.map(({ value }) => String(value)));
    }
  }
  await reader.close();
  return values;
};

describe("transactional producer, its broker killed", () => {
  it("in the middle of a transaction: consumers see nothing of it, and see the next one", async () => {
    const producer = connectProducer();
    await producer.transaction(write("first", 1n));
    const cut = producer.transaction(async (scope) => {
      await write("cut off", 2n)(scope);
      await broker.kill();
    });
    await expect(cut).rejects.toThrow(TransientError);
    await expect(producer.fence()).rejects.toThrow(TransientError);
    await broker.start();
    await until(() => producer.fence().then(() => true), { what: "the producer has its id back" });
    const offsets = await connectOffsets();
    expect((await offsets.committed(0))?.offset).toBe(1n);
    await producer.transaction(write("second", 2n));
    await until(async () => (await offsets.committed(0))?.offset === 2n, {
      what: "it is committed",
    });
    expect(await committedValues()).toEqual(["first", "second"]);
  });

  it("between two transactions: the second one fails or succeeds, and the offset shows which", async () => {
    const producer = connectProducer();
    await producer.transaction(write("first", 1n));
    await broker.kill();
    await broker.start();
    const second = producer.transaction(write("second", 2n));
    const isDone = await second.then(
      () => true,
      () => false,
    );
    await until(() => producer.fence().then(() => true), { what: "the producer has its id back" });
    const offsets = await connectOffsets();
    expect((await offsets.committed(0))?.offset).toBe(isDone ? 2n : 1n);
    expect(await committedValues()).toEqual(isDone ? ["first", "second"] : ["first"]);
  });
});

describe("transactional producer", () => {
  it("splits records that are larger than a broker's maximum batch", async () => {
    const producer = connectProducer();
    const value = Buffer.alloc(100_000, "x");
    const records = Array.from({ length: 25 }, () => ({ key: "k", value }));
    await producer.transaction((scope) => scope.send([{ topic, records }]));
    expect(await committedValues()).toHaveLength(25);
    await producer.transaction((scope) => scope.send([{ topic, records: records.slice(0, 3) }]));
    expect(await committedValues()).toHaveLength(28);
  });
});
