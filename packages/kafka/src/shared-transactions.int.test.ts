import { randomUUID } from "node:crypto";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { connectGroupOffsets } from "./group-offsets.ts";
import { createKafka } from "./kafka.ts";
import { createSharedTransactions, type TransactionPart } from "./shared-transactions.ts";
import { ensureTopics } from "./topic-admin.ts";
import { connectTopicReader } from "./topic-reader.ts";
import { createTransactionalProducer } from "./transactional-producer.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });

let life: Life;
let topic: string;

beforeEach(async () => {
  life = createLife();
  topic = `shared-${randomUUID()}`;
  await ensureTopics({ kafka, topics: [{ topic, partitions: 2, config: {} }] });
});
afterEach(() => life.stop());

/** Another process of the group would have the same transactional id. */
const connectMember = () => {
  const producer = createTransactionalProducer({ kafka, transactionalId: `tx-${topic}` });
  return life.own(createSharedTransactions({ producer, groupId: topic, topic }), (owned) =>
    owned.close(),
  );
};
const part = (partition: number, nextOffset: bigint, ...values: string[]): TransactionPart => {
  const records = values.map((value) => ({ key: null, value: Buffer.from(value) }));
  return { partition, nextOffset, metadata: "", batches: [{ topic, partition: 0, records }] };
};
const committedRecords = async () => {
  const reader = await connectTopicReader({ kafka });
  const found: string[] = [];
  for (const stretch of await reader.stretches(topic)) {
    for await (const records of reader.read(topic, stretch)) {
      found.push(...records.map(({ offset, value }) => `${offset} ${String(value)}`));
    }
  }
  await reader.close();
  return found;
};

describe("shared transactions", () => {
  it("write what comes at the same moment in one, each partition's position with it", async () => {
    const member = connectMember();
    const tenure = await member.enter();
    await Promise.all([
      member.commit(tenure, part(0, 7n, "a", "b")),
      member.commit(tenure, part(1, 9n, "c")),
    ]);
    await member.commit(tenure, part(0, 8n, "d"));
    // A transaction ends with a marker, which takes an offset: 3 is one, and there is none before.
    expect(await committedRecords()).toEqual(["0 a", "1 b", "2 c", "4 d"]);
    const offsets = life.own(await connectGroupOffsets({ kafka, groupId: topic, topic }), (owned) =>
      owned.close(),
    );
    expect((await offsets.committed(0))?.offset).toBe(8n);
    expect((await offsets.committed(1))?.offset).toBe(9n);
  });

  it("keep one tenure for all that enter while it lasts", async () => {
    const member = connectMember();
    const [one, other] = await Promise.all([member.enter(), member.enter()]);
    expect(one).toBe(other);
    expect(await member.enter()).toBe(one);
    member.leave();
    expect(await member.enter()).not.toBe(one);
  });

  it("refuse one who was there before another had the id, also when the id has been taken back", async () => {
    const zombie = connectMember();
    const before = await zombie.enter();
    const heir = connectMember();
    await heir.commit(await heir.enter(), part(0, 1n, "heir's"));
    await expect(zombie.commit(before, part(0, 1n, "first late one"))).rejects.toThrow(
      /producer.*epoch|fenced/i,
    );
    const after = await zombie.enter();
    expect(after).not.toBe(before);
    await expect(zombie.commit(before, part(1, 1n, "second late one"))).rejects.toThrow(
      /producer.*epoch|fenced/i,
    );
    await zombie.commit(after, part(1, 1n, "placed anew"));
    expect((await committedRecords()).map((record) => record.replace(/^\d+ /, ""))).toEqual([
      "heir's",
      "placed anew",
    ]);
  });

  it("refuse what was placed before the partitions were assigned anew", async () => {
    const member = connectMember();
    const before = await member.enter();
    member.leave();
    await expect(member.commit(before, part(0, 1n, "late"))).rejects.toThrow("assigned anew");
    await member.commit(await member.enter(), part(0, 1n, "placed anew"));
    expect(await committedRecords()).toEqual(["0 placed anew"]);
  });
});
