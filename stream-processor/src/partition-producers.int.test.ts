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
const placedMember = async (partitions: readonly number[], isShared = true) => {
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
  member.assigned(partitions, { isShared });
  await Promise.all(partitions.map((partition) => member.positionOf(partition)));
  return member;
};
const part = (partition: number, nextOffset: bigint) => ({
  partition,
  nextOffset,
  metadata: "",
  batches: [{ topic, partition, records: [{ key: null, value: Buffer.from("x") }] }],
});

/** As one of several, as the only one of a group that shares, and of one that does not. */
const SHARES = [
  { partitions: HALF, isShared: true },
  { partitions: ALL, isShared: true },
  { partitions: ALL, isShared: false },
];

describe.each(SHARES)("a processor that had $partitions, shared $isShared", (had) => {
  it.each(SHARES)(
    "can write for none that another has of $partitions, shared $isShared",
    async (has) => {
      const before = await placedMember(had.partitions, had.isShared);
      await Promise.all(had.partitions.map((one) => before.committing(one)(part(one, 5n))));
      const after = await placedMember(has.partitions, has.isShared);
      for (const partition of HALF) {
        expect(await after.positionOf(partition)).toBe(5n);
        const late = before.committing(partition)(part(partition, 6n));
        await expect(late).rejects.toThrow(/epoch|fenced/i);
      }
      await Promise.all(has.partitions.map((one) => after.committing(one)(part(one, 7n))));
      expect(await after.positionOf(0)).toBe(7n);
    },
  );
});

describe("a processor", () => {
  it("cannot commit what it read before an assignment, wherever the partition stands now", async () => {
    const member = await placedMember(ALL);
    const commitOld = member.committing(1);
    member.assigned(ALL, { isShared: true });
    await member.positionOf(1);
    await expect(commitOld(part(1, 4n))).rejects.toThrow("assigned anew");
    expect(await member.positionOf(1)).toBeUndefined();
  });

  it("goes on under the same ids after an assignment that left all as it was", async () => {
    const member = await placedMember(ALL);
    await member.committing(1)(part(1, 3n));
    member.assigned(ALL, { isShared: true });
    await expect(member.committing(1)(part(1, 4n))).rejects.toThrow("assigned anew");
    expect(await member.positionOf(1)).toBe(3n);
    await member.committing(1)(part(1, 4n));
    expect(await member.positionOf(1)).toBe(4n);
  });
});
