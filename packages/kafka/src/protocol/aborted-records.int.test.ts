import { randomUUID } from "node:crypto";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { expect, it } from "@jest/globals";
import { createKafka } from "../kafka.ts";
import { ensureTopics } from "../admin/topic-admin.ts";
import { connectTopicReader } from "../reader/topic-reader.ts";
import { createTransactionalProducer } from "../transactions/transactional-producer.ts";

it("hides the records of aborted transactions, however they overlap", async () => {
  const life = createLife();
  const log = createLog({ service: "test", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
  const topic = `aborted-${randomUUID()}`;
  await ensureTopics({ kafka, topics: [{ topic, partitions: 1, config: {} }] });
  const [long, short, good] = ["long", "short", "good"].map((name) =>
    life.own(createTransactionalProducer({ kafka, transactionalId: `${topic}-${name}` }), (owned) =>
      owned.close(),
    ),
  );
  if (!long || !short || !good) throw new Error("three producers");
  const one = (value: string) => [{ topic, records: [{ key: value, value: Buffer.from(value) }] }];
  const aborts = new Error("aborts");
  try {
    const isLong = long.transaction(async (scope) => {
      await scope.send(one("long begins"));
      await good.transaction((inner) => inner.send(one("good")));
      const isShort = short.transaction(async (inner) => {
        await inner.send(one("short"));
        throw aborts;
      });
      await expect(isShort).rejects.toThrow("aborts");
      await scope.send(one("long ends"));
      throw aborts;
    });
    await expect(isLong).rejects.toThrow("aborts");
    await good.transaction((scope) => scope.send(one("good again")));

    const reader = life.own(await connectTopicReader({ kafka }), (owned) => owned.close());
    const seen: string[] = [];
    for (const range of await reader.ranges(topic)) {
      for await (const records of reader.read(topic, range)) {
        seen.push(...records.map(({ value }) => String(value)));
      }
    }
    expect(seen).toEqual(["good", "good again"]);
  } finally {
    await life.stop();
  }
});
