import { TransientError } from "@fiberstream/runtime/errors";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { readTopic } from "@fiberstream/testkit/read-topic";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createKafka, type KafkaClient } from "./kafka.ts";
import { partitionOfKey } from "./murmur2.ts";
import { connectProducer, type DeliveringProducer } from "./producer.ts";
import { ensureTopics } from "./topic-admin.ts";

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
  it("lets a partition that refuses cost only its own records", async () => {
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

  it("sends more than one batch can hold, in order", async () => {
    const records = Array.from({ length: 20_000 }, (_, number) => ({
      key: "one",
      value: Buffer.from(String(number).padEnd(100)),
    }));
    await ensureTopics({
      kafka,
      topics: [{ topic: `${topic}-2`, partitions: 1, config: {} }],
    });
    await producer.send(`${topic}-2`, records);
    const { records: read } = life.own(
      await readTopic(addresses.kafkaBrokers, `${topic}-2`),
      (owned) => owned.close(),
    );
    await until(() => read.length >= records.length, { what: "they can be read" });
    expect(read.map(({ value }) => Number(value))).toEqual(records.map((_, number) => number));
  });

  it("fails for every record where there is no such topic", async () => {
    const failures = await producer.deliver(`${topic}-missing`, [{ key: "a", value: null }]);
    expect(failures[0]).toBeInstanceOf(TransientError);
    await expect(
      producer.send(`${topic}-missing`, [{ key: "a", value: null }]),
    ).rejects.toBeInstanceOf(TransientError);
  });
});
