import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { produceForeign } from "@fiberstream/testkit/foreign-producer";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { readTopic } from "@fiberstream/testkit/read-topic";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createKafka, type KafkaClient } from "../../kafka.ts";
import { connectProducer } from "../../producer/producer.ts";
import { ensureTopics } from "../../admin/topic-admin.ts";
import { topicDescription } from "../../admin/describe-topic.ts";

const brokers = addresses.kafkaBrokers;
const log = createLog({ service: "test", level: "silent", format: "json" });
const CODECS = ["gzip", "snappy", "lz4", "zstd"] as const;

let life: Life;
let kafka: KafkaClient;
beforeEach(() => {
  life = createLife();
  kafka = createKafka({ brokers: [brokers], clientId: "test", log });
});
afterEach(() => life.stop());

/** Longer than a block of Java's LZ4 (64 KB) and a chunk of its snappy (32 KB). */
const values = Array.from({ length: 3_000 }, (_, number) =>
  Buffer.from(`event ${number} of node ${number % 7} `.repeat(1 + (number % 5))),
);
const records = values.map((value) => ({ key: "one", value }));

async function expectAllReadIn(topic: string): Promise<void> {
  const { records: read } = life.own(await readTopic(brokers, topic), (owned) => owned.close());
  await until(() => read.length >= values.length, { what: "they are read" });
  expect(read.map(({ value }) => String(value))).toEqual(values.map(String));
}

describe("compressed batches are read", () => {
  it.each(CODECS)("of a program that writes %s", async (codec) => {
    const topic = `${testNamespace()}foreign`;
    await ensureTopics({ kafka, topics: [{ topic, partitions: 1, config: {} }] });
    await produceForeign({ brokers, topic, partition: 0, codec, records });
    await expectAllReadIn(topic);
  });

  it.each(CODECS)("of our own producer, set to %s", async (compression) => {
    const topic = `${testNamespace()}own`;
    await ensureTopics({ kafka, topics: [{ topic, partitions: 1, config: {} }] });
    const packing = createKafka({ brokers: [brokers], clientId: "test", compression, log });
    const producer = life.own(await connectProducer({ kafka: packing }), (owned) => owned.close());
    await producer.send(topic, records);
    await expectAllReadIn(topic);
    const bytes = (await topicDescription({ kafka, topic })).bytes ?? Infinity;
    expect(bytes).toBeLessThan(0.5 * values.reduce((sum, { length }) => sum + length, 0));
  });

  // The broker packs by the code that Java's producer has.
  it.each(CODECS)("of a topic that Kafka itself compresses with %s", async (codec) => {
    const topic = `${testNamespace()}by-kafka`;
    const config = { "compression.type": codec };
    await ensureTopics({ kafka, topics: [{ topic, partitions: 1, config }] });
    const producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
    await producer.send(topic, records);
    await expectAllReadIn(topic);
  });
});
