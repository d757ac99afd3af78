import { randomUUID } from "node:crypto";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Partitioners } from "kafkajs";
import { createKafka } from "../kafka.ts";
import { connectProducer, type Producer } from "../producer/producer.ts";
import { ensureTopics } from "../admin/topic-admin.ts";
import { followTopic } from "./topic-follower.ts";
import { connectTopicReader } from "./topic-reader.ts";
import { createTransactionalProducer } from "../transactions/transactional-producer.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });

let life: Life;
let topic: string;
let producer: Producer;

beforeEach(async () => {
  life = createLife();
  topic = `reader-${randomUUID()}`;
  await ensureTopics({ kafka, topics: [{ topic, partitions: 3, config: {} }] });
  producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
});
afterEach(() => life.stop());

const send = (values: readonly string[]) =>
  producer.send(
    topic,
    values.map((value) => ({ key: value, value: Buffer.from(value) })),
  );
const sendTo = async (records: { partition: number; key: string; value: string }[]) => {
  const raw = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await raw.connect();
  try {
    return (await raw.send({ topic, messages: records })).length > 0;
  } finally {
    await raw.disconnect();
  }
};
const inTransaction = async (values: readonly string[], outcome: "commit" | "abort") => {
  const transactional = createTransactionalProducer({ kafka, transactionalId: randomUUID() });
  life.own(transactional, (owned) => owned.close());
  const done = transactional.transaction(async (transaction) => {
    const records = values.map((value) => ({ key: value, value: Buffer.from(value) }));
    await transaction.send([{ topic, records }]);
    if (outcome === "abort") throw new Error("aborted");
  });
  await done.catch(() => undefined);
};

describe("topic reader", () => {
  it("reads a topic to its end, committed records only", async () => {
    const values = Array.from({ length: 300 }, (_, index) => `value-${index}`);
    await send(values);
    await inTransaction(["aborted"], "abort");
    await inTransaction(["committed"], "commit");
    const reader = life.own(await connectTopicReader({ kafka }), (owned) => owned.close());
    const seen: string[] = [];
    for (const range of await reader.ranges(topic)) {
      for await (const records of reader.read(topic, range)) {
        seen.push(...records.map(({ value }) => String(value)));
      }
    }
    expect(seen.toSorted()).toEqual([...values, "committed"].toSorted());
    const alone = await Promise.all([0, 1, 2].map((partition) => reader.range(topic, partition)));
    expect(alone).toEqual(await reader.ranges(topic));
    expect(await reader.ranges(topic, { since: Date.now() + 60_000 })).toEqual([]);
  });
});

describe("topic follower", () => {
  /** What a follower has seen, which grows; it has caught up. */
  const followed = async (): Promise<readonly string[]> => {
    const seen: string[] = [];
    const follower = life.own(
      followTopic({
        kafka,
        topic,
        onRecords: (records) => void seen.push(...records.map(({ value }) => String(value))),
        log,
      }),
      (owned) => owned.close(),
    );
    await follower.caughtUp;
    return seen;
  };

  it("reads all existing records, reports that, and follows new ones", async () => {
    await send(["a", "b", "c"]);
    const seen = await followed();
    expect(seen.toSorted()).toEqual(["a", "b", "c"]);
    await inTransaction(["d"], "commit");
    await send(["e"]);
    await until(() => seen.length === 5, { what: "the later ones came" });
    expect(seen.toSorted()).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("reads added partitions, and a recreated topic from its beginning", async () => {
    await send(["a", "b", "c"]);
    const seen = await followed();
    const admin = kafka.admin();
    await admin.connect();
    life.own(admin, (owned) => owned.disconnect());
    await admin.createPartitions({ topicPartitions: [{ topic, count: 12 }] });
    const added = Array.from({ length: 12 }, (_, partition) => ({
      partition,
      key: "added",
      value: `to-${partition}`,
    }));
    await until(() => sendTo(added), {
      what: "all partitions take records",
    });
    await until(() => added.every(({ value }) => seen.includes(value)), { what: "they came" });

    await admin.deleteTopics({ topics: [topic] });
    await until(
      () =>
        ensureTopics({ kafka, topics: [{ topic, partitions: 1, config: {} }] }).then(() => true),
      {
        what: "the topic is made anew",
      },
    );
    const anew = Array.from({ length: 20 }, (_, index) => `anew-${index}`);
    await until(() => send(anew).then(() => true), { what: "it takes records" });
    await until(() => anew.every((value) => seen.includes(value)), { what: "they came, all" });
  });
});
