import { TransientError } from "@fiberstream/runtime/errors";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { readTopic } from "@fiberstream/testkit/read-topic";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createConnections } from "../broker/connections.ts";
import { type DeliverySteps, deliverRecords } from "./deliver-records.ts";
import { createKafka, type KafkaClient } from "../kafka.ts";
import { createKnownLeaders } from "./known-leaders.ts";
import { partitionOfKey } from "../protocol/murmur2.ts";
import { connectProducer, type DeliveringProducer } from "./producer.ts";
import { ensureTopics } from "../admin/topic-admin.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const PARTITIONS = 3;

let life: Life;
let kafka: KafkaClient;
let producer: DeliveringProducer;
let topic: string;

beforeEach(async () => {
  life = createLife();
  topic = `${testNamespace()}deliver`;
  kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
  const config = { "max.message.bytes": "2000" };
  await ensureTopics({
    kafka,
    topics: [{ topic, partitions: PARTITIONS, config }],
  });
  producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
});
afterEach(() => life.stop());

const partitionOf = (key: string) => partitionOfKey(Buffer.from(key), PARTITIONS);

describe("deliver", () => {
  it("fails only the records of a partition that rejects them", async () => {
    const keys = Array.from({ length: 30 }, (_, number) => `key-${number}`);
    const [large = ""] = keys;
    const records = keys.map((key) => ({
      key,
      value: Buffer.alloc(key === large ? 5_000 : 10),
      headers: { from: "test" },
    }));
    const failures = await producer.deliver(topic, records);
    for (const [index, key] of keys.entries()) {
      const isRefused = partitionOf(key) === partitionOf(large);
      if (isRefused) expect(failures[index]).toBeInstanceOf(TransientError);
      else expect(failures[index]).toBeUndefined();
    }
    const accepted = keys.filter((_, index) => failures[index] === undefined);
    const { records: read } = life.own(await readTopic(addresses.kafkaBrokers, topic), (owned) =>
      owned.close(),
    );
    await until(() => read.length >= accepted.length, { what: "they can be read" });
    expect(read.map(({ key }) => String(key)).toSorted()).toEqual(accepted.toSorted());
    expect(read.every(({ key, partition }) => partition === partitionOf(String(key)))).toBe(true);
    expect(read[0]?.headers).toEqual({ from: "test" });
  });

  it("sends more than one batch can contain, in order", async () => {
    const records = Array.from({ length: 20_000 }, (_, number) => ({
      key: "one",
      value: Buffer.from(String(number).padEnd(100)),
    }));
    const wide = await wideTopic();
    await producer.send(wide, records);
    expect(await numbersIn(wide, records.length)).toEqual(records.map((_, number) => number));
  });

  it("sends later records of a partition after the failed ones before them", async () => {
    const wide = await wideTopic();
    const failures = await deliverRecords(deliveringThatFails(1), wide, threePortions());
    expect(failures.every((failure) => failure === undefined)).toBe(true);
    expect(await numbersIn(wide, PORTION_RECORDS * 3)).toEqual(
      Array.from({ length: PORTION_RECORDS * 3 }, (_, number) => number),
    );
  });

  it("sends no record of a partition after one that has failed for good", async () => {
    const wide = await wideTopic();
    const failures = await deliverRecords(deliveringThatFails(3), wide, threePortions());
    expect(failures.every((failure) => failure instanceof TransientError)).toBe(true);
    await producer.send(wide, [{ key: "one", value: Buffer.from("-1") }]);
    expect(await numbersIn(wide, 1)).toEqual([-1]);
  });

  it("delays only the partition that the broker rejects", async () => {
    const wide = await wideTopic();
    const other = ["a", "b", "c", "d"].find((key) => partitionOf(key) !== partitionOf("one")) ?? "";
    const sized = (key: string, number: number, bytes: number) => ({
      key,
      value: Buffer.from(String(number).padEnd(bytes)),
    });
    const records = [
      sized("one", 0, 800_000),
      sized("one", 1, 2_000_000),
      sized(other, 2, 800_000),
      sized("one", 3, 800_000),
      sized(other, 4, 800_000),
      sized("one", 5, 10),
      sized(other, 6, 10),
    ];
    const failures = await producer.deliver(wide, records);
    const accepted = records.flatMap((_, at) => (failures[at] === undefined ? [at] : []));
    expect(accepted).toEqual([0, 2, 4, 6]);
    const numbers = await numbersIn(wide, 4);
    expect(numbers.filter((number) => number !== 0)).toEqual([2, 4, 6]);
  });

  it("fails for every record if there is no such topic", async () => {
    const failures = await producer.deliver(`${topic}-missing`, [{ key: "a", value: null }]);
    expect(failures[0]).toBeInstanceOf(TransientError);
    await expect(
      producer.send(`${topic}-missing`, [{ key: "a", value: null }]),
    ).rejects.toBeInstanceOf(TransientError);
  });
});

/** A topic that takes batches of the usual size. */
async function wideTopic(): Promise<string> {
  const wide = `${topic}-wide`;
  await ensureTopics({ kafka, topics: [{ topic: wide, partitions: PARTITIONS, config: {} }] });
  return wide;
}

const PORTION_RECORDS = 800;

/** More than 900 KB each, all of one partition, numbered. */
const threePortions = () =>
  Array.from({ length: PORTION_RECORDS * 3 }, (_, number) => ({
    key: "one",
    value: Buffer.from(String(number).padEnd(1_000)),
  }));

/** Real connections whose first requests fail, as those of a connection that breaks. */
function deliveringThatFails(requests: number): DeliverySteps {
  const connections = life.own(createConnections(kafka), (owned) => owned.close());
  let left = requests;
  return {
    connections: {
      call: (...request) =>
        left-- > 0
          ? Promise.reject(new Error("the connection broke"))
          : connections.call(...request),
    },
    leaders: createKnownLeaders(connections),
    answerMaxWaitMs: 10_000,
  };
}

/** The numbers that values begin with, in the order of the topic, when there are `count`. */
async function numbersIn(name: string, count: number): Promise<number[]> {
  const { records } = life.own(await readTopic(addresses.kafkaBrokers, name), (owned) =>
    owned.close(),
  );
  await until(() => records.length >= count, { what: `${count} records can be read` });
  return records.map(({ value }) => Number(value));
}
