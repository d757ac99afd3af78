import { randomUUID } from "node:crypto";
import { connectGroupOffsets } from "@fiberstream/kafka/group-offsets";
import { createKafka } from "@fiberstream/kafka/kafka";
import { ensureTopics } from "@fiberstream/kafka/topic-admin";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createPartitionProducers } from "./partition-producers.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
const ALL = [0, 1, 2, 3];
const HALF = [0, 2];

let life: Life;
let topic: string;

beforeEach(async () => {
  life = createLife();
  topic = `producers-${randomUUID()}`;
  await ensureTopics({ kafka, topics: [{ topic, partitions: ALL.length, config: {} }] });
});
afterEach(() => life.stop());

/** A processor that was given some partitions and knows where they go on. */
const placedMember = async (partitions: readonly number[]) => {
  const groupOffsets = life.own(
    await connectGroupOffsets({ kafka, groupId: topic, topic }),
    (owned) => owned.close(),
  );
  const member = life.own(
    createPartitionProducers({
      kafka,
      groupId: topic,
      topic,
      partitions: ALL.length,
      groupOffsets,
    }),
    (owned) => owned.close(),
  );
  member.assigned(partitions);
  await Promise.all(partitions.map((partition) => member.positionOf(partition)));
  return member;
};
const part = (partition: number, nextOffset: bigint) => ({
  partition,
  nextOffset,
  metadata: "",
  batches: [{ topic, partition, records: [{ key: null, value: Buffer.from("x") }] }],
});

describe.each([
  { had: ALL, has: ALL },
  { had: ALL, has: HALF },
  { had: HALF, has: ALL },
  { had: HALF, has: HALF },
])("a processor that had partitions $had of 4 when another has $has", ({ had, has }) => {
  it("can write for none of them any more, and the other goes on behind what it wrote", async () => {
    const before = await placedMember(had);
    await Promise.all(had.map((partition) => before.commit(part(partition, 5n))));
    const after = await placedMember(has);
    for (const partition of HALF) {
      expect(await after.positionOf(partition)).toBe(5n);
      await expect(before.commit(part(partition, 6n))).rejects.toThrow(/epoch|fenced/i);
    }
    await Promise.all(has.map((partition) => after.commit(part(partition, 7n))));
    expect(await after.positionOf(0)).toBe(7n);
  });
});

describe("a processor", () => {
  it("goes on under the same ids after an assignment that left all as it was", async () => {
    const member = await placedMember(ALL);
    await member.commit(part(1, 3n));
    member.assigned(ALL);
    await expect(member.commit(part(1, 4n))).rejects.toThrow("assigned anew");
    expect(await member.positionOf(1)).toBe(3n);
    await member.commit(part(1, 4n));
    expect(await member.positionOf(1)).toBe(4n);
  });
});
