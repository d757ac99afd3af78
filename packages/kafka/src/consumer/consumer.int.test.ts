import { randomUUID } from "node:crypto";
import { FatalError, TransientError } from "@fiberstream/runtime/errors";
import { createHealth, type Health } from "@fiberstream/runtime/health";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import { type ConsumerOptions, runConsumer } from "./consumer.ts";
import { connectGroupOffsets } from "../admin/group-offsets.ts";
import { PartitionPausedError } from "../errors/partition-paused.ts";
import { createKafka } from "../kafka.ts";
import type { Position } from "../errors/partition-fault.ts";
import { createPipelineMetrics } from "../telemetry/pipeline-metrics.ts";
import { connectProducer, type Producer } from "../producer/producer.ts";
import type { RecordBatch } from "../records.ts";
import { ensureTopics } from "../admin/topic-admin.ts";
import { createTransactionalProducer } from "../transactions/transactional-producer.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });

let life: Life;
let topic: string;
let groupId: string;
let producer: Producer;

beforeEach(async () => {
  life = createLife();
  topic = `consumer-${randomUUID()}`;
  groupId = `group-${randomUUID()}`;
  await ensureTopics({ kafka, topics: [{ topic, partitions: 2, config: {} }] });
  producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
});
afterEach(() => life.stop());

/** Keys that the partitioner sends to partitions 0 and 1 do not matter: values tell records apart. */
const send = (values: readonly string[]) =>
  producer.send(
    topic,
    values.map((value) => ({ key: value, value: Buffer.from(value) })),
  );
const at = (positionOf: (partition: number) => Position) => async (partitions: readonly number[]) =>
  new Map(partitions.map((partition) => [partition, positionOf(partition)]));
const valuesOf = (batch: RecordBatch) => batch.records.map((record) => String(record.value));

const consume = async (
  handlers: Pick<ConsumerOptions, "processBatch"> & Partial<ConsumerOptions>,
  health: Health = createHealth(),
) =>
  life.own(
    await runConsumer({
      kafka,
      groupId,
      topic,
      positionsOf: at(() => "beginning"),
      metrics: createPipelineMetrics({ registry: new Registry(), stage: "sink" }),
      health,
      log,
      ...handlers,
    }),
    (owned) => owned.close(),
  );

type Done = { readonly partition: number; readonly offset: number; readonly value: string };
const doneOf = ({ partition, records }: RecordBatch): Done[] =>
  records.map(({ offset, value }) => ({ partition, offset: Number(offset), value: String(value) }));

/** Each value once, and each partition's offsets from 0 on in the order in which they were done. */
function expectInOrder(done: readonly Done[], values: readonly string[]) {
  expect(done.map(({ value }) => value).toSorted()).toEqual(values.toSorted());
  for (const ofPartition of Map.groupBy(done, ({ partition }) => partition).values()) {
    expect(ofPartition.map(({ offset }) => offset)).toEqual(ofPartition.map((_, index) => index));
  }
}

describe("consumer", () => {
  it("begins where its owner says, not where the group's offset is", async () => {
    await send(["a", "b", "c", "d", "e", "f", "g", "h"]);
    const seen: { firstOffset: bigint; offsets: string[] }[] = [];
    await consume({
      positionsOf: at(() => 2n),
      processBatch: async (batch) => {
        seen.push({
          firstOffset: batch.firstOffset,
          offsets: batch.records.map((record) => record.offset),
        });
      },
    });
    await until(() => seen.length > 0, { what: "a batch came" });
    for (const { firstOffset, offsets } of seen) {
      expect(firstOffset).toBe(2n);
      expect(offsets[0]).toBe("2");
    }
  });

  it("retries a batch in place, in order, without loss or duplicates", async () => {
    const values = Array.from({ length: 200 }, (_, index) => `value-${index}`);
    await send(values);
    const health = createHealth();
    const done: Done[] = [];
    const next = new Map<number, bigint>();
    let failures = 3;
    await consume(
      {
        positionsOf: at((partition) => next.get(partition) ?? "beginning"),
        processBatch: async (batch) => {
          if (failures-- > 0) throw new TransientError("postgres", "connection refused");
          done.push(...doneOf(batch));
          next.set(batch.partition, batch.nextOffset);
        },
      },
      health,
    );
    await until(() => done.length >= values.length, { what: "all records are done" });
    expectInOrder(done, values);
    await until(() => health.isReady(), { what: "the consumer is ready again" });
  });

  it("fetches while a batch is being processed, and keeps the order, also with retries", async () => {
    const sent = Array.from({ length: 60 }, (_, index) => `value-${index}`);
    const next = new Map<number, bigint>();
    const done: Done[] = [];
    const begun = new Set<number>();
    const first = Promise.withResolvers<void>();
    let failures = 2;
    await send(sent.slice(0, 20));
    await consume({
      positionsOf: at((partition) => next.get(partition) ?? 0n),
      processBatch: async (batch) => {
        expect(batch.firstOffset).toBe(next.get(batch.partition) ?? 0n);
        begun.add(batch.partition);
        if (batch.partition === 0) await first.promise;
        if (failures-- > 0) throw new TransientError("postgres", "connection refused");
        done.push(...doneOf(batch));
        next.set(batch.partition, batch.nextOffset);
      },
    });
    await until(() => begun.size === 2, { what: "both partitions are being done" });
    await send(sent.slice(20, 40));
    await until(() => Number(next.get(1) ?? 0n) > 0, { what: "partition 1 goes on" });
    await send(sent.slice(40));
    first.resolve();
    await until(() => done.length >= 60, { what: "all are done" });
    expectInOrder(done, sent);
  });

  it("halts at a fatal error, reports it, and processes nothing more", async () => {
    await send(["a", "b", "c", "d"]);
    const health = createHealth();
    let calls = 0;
    await consume(
      {
        processBatch: async () => {
          calls++;
          throw new FatalError("the table is missing", "Run the migrations");
        },
      },
      health,
    );
    await until(() => JSON.stringify(health.readiness()).includes("table is missing"), {
      what: "the consumer is not ready",
    });
    const admin = kafka.admin();
    await admin.connect();
    life.own(admin, (owned) => owned.disconnect());
    await until(async () => (await admin.describeGroups([groupId])).groups[0]?.state === "Empty", {
      what: "the consumer has left its group",
    });
    // Two partitions side by side, and neither was tried again.
    expect(calls).toBeLessThanOrEqual(2);
  });

  it.each([
    ["retention has deleted", 1n],
    ["a recreated topic has not reached", 99n],
  ])(
    "stops only the partition at an offset that %s, until the offset is moved",
    async (_why, position) => {
      const admin = kafka.admin();
      await admin.connect();
      life.own(admin, (owned) => owned.disconnect());
      await send(["a", "b", "c", "d", "e", "f", "g", "h"]);
      const ends = (await admin.fetchTopicOffsets(topic)).find((one) => one.partition === 0);
      await admin.deleteTopicRecords({
        topic,
        partitions: [{ partition: 0, offset: ends?.high ?? "" }],
      });
      const health = createHealth();
      const registry = new Registry();
      const metrics = createPipelineMetrics({ registry, stage: "sink" });
      const stopped = async () =>
        (await registry.getMetricsAsJSON()).find(({ name }) => name.endsWith("partition_stopped"))
          ?.values;
      let isMoved = false;
      const seen: RecordBatch[] = [];
      await consume(
        {
          metrics,
          positionsOf: at((partition) => (partition === 0 && !isMoved ? position : "beginning")),
          processBatch: async (batch) => void seen.push(batch),
          outOfRangeAdvice: "Rewind it",
        },
        health,
      );
      const reason = `resumes at offset ${position}, which Kafka does not have`;
      await until(() => JSON.stringify(health.readiness()).includes(reason), {
        what: "the consumer is not ready",
      });
      expect(JSON.stringify(health.readiness())).toContain("Rewind it");
      expect(await stopped()).toMatchObject([
        { labels: { stage: "sink", partition: 0 }, value: 1 },
      ]);
      // The other one goes on.
      await send(Array.from({ length: 20 }, (_, index) => `later-${index}`));
      await until(() => seen.length > 1, { what: "partition 1 goes on" });
      expect(seen.some(({ partition }) => partition === 0)).toBe(false);
      expect((await admin.describeGroups([groupId])).groups[0]?.members).toHaveLength(1);

      // How far it is behind grows, though nothing of it is fetched.
      const lagOfStopped = async () =>
        (await registry.getMetricsAsJSON())
          .find(({ name }) => name.endsWith("consumer_lag_records"))
          ?.values.find(({ labels }) => labels.partition === 0)?.value;
      if (position === 1n) {
        await until(async () => Number(await lagOfStopped()) > 5, { what: "its lag is seen" });
      }

      isMoved = true;
      await until(() => seen.some(({ partition }) => partition === 0), {
        what: "partition 0 goes on",
      });
      await until(() => health.isReady(), { what: "the consumer is ready" });
      expect(await stopped()).toEqual([]);
    },
  );

  it("asks again for a position that is not known, and does not treat it as a missing one", async () => {
    await send(Array.from({ length: 20 }, (_, index) => `value-${index}`));
    const asked = new Map<number, number>();
    const firsts = new Map<number, bigint>();
    await consume({
      positionsOf: async (partitions) => {
        for (const one of partitions) asked.set(one, (asked.get(one) ?? 0) + 1);
        const known = partitions.filter((one) => one !== 0 || (asked.get(0) ?? 0) > 2);
        return new Map(known.map((one) => [one, 3n]));
      },
      processBatch: async ({ partition, firstOffset }) => {
        if (!firsts.has(partition)) firsts.set(partition, firstOffset);
      },
    });
    await until(() => firsts.size === 2, { what: "both partitions came" });
    expect(Object.fromEntries(firsts)).toEqual({ 0: 3n, 1: 3n });
    expect(asked.get(0)).toBe(3);
  });

  it("does not interrupt partitions that stay with their member when another one joins and leaves", async () => {
    const placed: number[] = [];
    const assigned: (readonly number[])[] = [];
    const positionsOf = async (partitions: readonly number[]) => {
      placed.push(...partitions);
      return at(() => "beginning")(partitions);
    };
    const processBatch = async () => undefined;
    await consume({ positionsOf, processBatch, onAssigned: (some) => assigned.push(some) });
    await until(() => placed.length === 2, { what: "it has both partitions" });
    const others: number[] = [];
    const other = await consume({
      positionsOf: async (partitions) => {
        others.push(...partitions);
        return at(() => "beginning")(partitions);
      },
      processBatch,
    });
    await until(() => others.length === 1, { what: "the other has one" });
    await other.close();
    await until(() => placed.length === 3, { what: "it has both again" });
    expect(placed[2]).toBe(others[0]);
    expect(assigned.at(-1)).toHaveLength(2);
  });

  it("stays in its group, and reports that it is stuck, if a revoked partition never ends", async () => {
    const hanging = Promise.withResolvers<void>();
    const health = createHealth();
    const assigned: (readonly number[])[] = [];
    let isHanging = false;
    const slow = await consume(
      {
        sessionTimeoutMs: 6_000,
        onAssigned: (some) => assigned.push(some),
        processBatch: async ({ partition }) => {
          if (partition !== 1) return;
          isHanging = true;
          await hanging.promise;
        },
      },
      health,
    );
    await until(() => assigned.at(-1)?.length === 2, { what: "it has both" });
    await send(Array.from({ length: 20 }, (_, index) => `value-${index}`));
    await until(() => isHanging, { what: "a batch hangs" });
    const others: (readonly number[])[] = [];
    const other = { processBatch: async () => undefined, sessionTimeoutMs: 6_000 };
    await consume({ ...other, onAssigned: (some) => others.push(some) });
    await until(() => assigned.at(-1)?.length === 1, { what: "it is to give one up" });
    const generation = () => slow.member(0)?.generationId ?? -1;
    const before = generation();
    await consume({ ...other, onAssigned: (some) => others.push(some) });
    await until(() => generation() > before, { what: "it has joined again meanwhile" });
    expect(slow.member(1)).toBeDefined();
    hanging.resolve();
    await until(() => slow.member(1) === undefined, { what: "it has given it up" });
    await until(() => others.some((some) => some.includes(1)), { what: "another has it" });
  });

  it("commits no offset of a partition that another member owns", async () => {
    const mine: (readonly number[])[] = [];
    const others: (readonly number[])[] = [];
    const processBatch = async () => undefined;
    const first = await consume({ processBatch, onAssigned: (some) => mine.push(some) });
    await until(() => mine.at(-1)?.length === 2, { what: "it has both" });
    await consume({ processBatch, onAssigned: (some) => others.push(some) });
    const [theirs = -1] = await until(() => others.find(({ length }) => length === 1), {
      what: "the other has one",
    });
    await until(() => first.member(theirs) === undefined, { what: "it has given it up" });
    await expect(first.commitOffsets(new Map([[theirs, 1n]]))).rejects.toThrow(TransientError);
  });

  it("asks for the position again when the topic was recreated, with the new topic's identity", async () => {
    const admin = kafka.admin();
    await admin.connect();
    life.own(admin, (owned) => owned.disconnect());
    await send(["a", "b", "c", "d"]);
    const logs = new Set<string>();
    const seen: string[] = [];
    await consume({
      positionsOf: async (partitions, identity) => {
        logs.add(identity.topicId);
        return at(() => "beginning")(partitions);
      },
      processBatch: async (batch) => {
        expect(logs).toContain(batch.log.topicId);
        seen.push(...valuesOf(batch));
      },
    });
    await until(() => seen.length >= 4, { what: "the first ones came" });
    await admin.deleteTopics({ topics: [topic] });
    await until(
      () =>
        ensureTopics({ kafka, topics: [{ topic, partitions: 2, config: {} }] }).then(() => true),
      { what: "the topic is there again" },
    );
    await until(() => send(["e", "f"]).then(() => true), { what: "it takes records" });
    await until(() => seen.includes("e") && seen.includes("f"), { what: "the new ones came" });
    expect(logs.size).toBe(2);
  });

  it("passes partitions to another member, each record once by the stored position", async () => {
    const next = new Map<number, bigint>();
    const seen: string[] = [];
    const processBatch = async (batch: RecordBatch) => {
      seen.push(...valuesOf(batch));
      next.set(batch.partition, batch.nextOffset);
    };
    const positionsOf = at((partition) => next.get(partition) ?? 0n);
    const first = await consume({ processBatch, positionsOf });
    await send(Array.from({ length: 50 }, (_, index) => `before-${index}`));
    await until(() => seen.length === 50, { what: "the first 50 came" });
    await consume({ processBatch, positionsOf });
    await first.close();
    await send(Array.from({ length: 50 }, (_, index) => `after-${index}`));
    await until(() => seen.length >= 100, { what: "the second 50 came" });
    expect(new Set(seen).size).toBe(100);
    expect(seen).toHaveLength(100);
  });

  it("passes records before the position to replay, and processes the rest", async () => {
    await send(Array.from({ length: 40 }, (_, index) => `value-${index}`));
    const replayed: string[] = [];
    const done: { firstOffset: bigint; offsets: string[] }[] = [];
    await consume({
      positionsOf: at(() => 5n),
      replayFrom: async (_partition, position) => position - 3n,
      replay: async (_partition, records) => {
        replayed.push(...records.map(({ offset }) => offset));
      },
      processBatch: async ({ firstOffset, records }) => {
        done.push({ firstOffset, offsets: records.map(({ offset }) => offset) });
      },
    });
    await until(() => done.length === 2, { what: "both partitions came" });
    expect(replayed.toSorted()).toEqual(["2", "2", "3", "3", "4", "4"]);
    for (const { firstOffset, offsets } of done) {
      expect(firstOffset).toBe(5n);
      expect(offsets[0]).toBe("5");
    }
  });

  it("stops a paused partition, continues with the others, and with it when it is resumed", async () => {
    await send(Array.from({ length: 40 }, (_, index) => `value-${index}`));
    const released = Promise.withResolvers<void>();
    const health = createHealth();
    let isHeld = true;
    const done: { partition: number; offset: string | undefined }[] = [];
    await consume(
      {
        processBatch: async ({ partition, records }) => {
          if (partition === 0 && isHeld)
            throw new PartitionPausedError("not now", released.promise);
          done.push({ partition, offset: records[0]?.offset });
        },
      },
      health,
    );
    await until(() => done.length > 0, { what: "the other partition came" });
    await send(Array.from({ length: 40 }, (_, index) => `later-${index}`));
    await until(() => done.length > 1, { what: "the other partition went on" });
    expect(done.some(({ partition }) => partition === 0)).toBe(false);
    expect(health.isReady()).toBe(true);
    isHeld = false;
    released.resolve();
    const held = await until(() => done.find(({ partition }) => partition === 0), {
      what: "the held partition went on",
    });
    expect(held.offset).toBe("0");
  });

  it("does not deliver records of an aborted transaction", async () => {
    const transactional = life.own(
      createTransactionalProducer({ kafka, transactionalId: `tx-${randomUUID()}` }),
      (owned) => owned.close(),
    );
    const failing = transactional.transaction(async (transaction) => {
      await transaction.send([{ topic, records: [{ key: "k", value: Buffer.from("aborted") }] }]);
      throw new Error("changed my mind");
    });
    await expect(failing).rejects.toThrow("changed my mind");
    await transactional.transaction(async (transaction) => {
      await transaction.send([{ topic, records: [{ key: "k", value: Buffer.from("committed") }] }]);
      await transaction.commitOffsets({
        groupId,
        topic,
        partitions: [{ partition: 0, nextOffset: 7n }],
      });
    });
    const seen: string[] = [];
    const nexts: bigint[] = [];
    await consume({
      positionsOf: at(() => 0n),
      processBatch: async (batch) => {
        seen.push(...valuesOf(batch));
        nexts.push(batch.nextOffset);
      },
    });
    await until(() => seen.includes("committed"), { what: "the committed record came" });
    expect(seen).toEqual(["committed"]);
    // Past the markers, too: retention deletes them, and a position before them would be gone.
    await until(() => nexts.includes(4n), { what: "the position is past the last marker" });
  });
});

describe("transactional producer", () => {
  it("commits metadata with the position", async () => {
    const offsets = life.own(await connectGroupOffsets({ kafka, groupId, topic }), (owned) =>
      owned.close(),
    );
    const transactional = life.own(
      createTransactionalProducer({ kafka, transactionalId: `tx-${randomUUID()}` }),
      (owned) => owned.close(),
    );
    await transactional.transaction(async (transaction) => {
      await transaction.commitOffsets({
        groupId,
        topic,
        partitions: [{ partition: 0, nextOffset: 7n, metadata: "x" }],
      });
    });
    await until(async () => (await offsets.committed(0)) !== undefined, {
      what: "it is committed",
    });
    expect(await offsets.committed(0)).toEqual({ offset: 7n, metadata: "x" });
  });

  it("is fenced when another producer takes its id over, and its open transaction ends", async () => {
    const transactionalId = `tx-${randomUUID()}`;
    const zombie = life.own(createTransactionalProducer({ kafka, transactionalId }), (owned) =>
      owned.close(),
    );
    const heir = life.own(createTransactionalProducer({ kafka, transactionalId }), (owned) =>
      owned.close(),
    );
    const offsets = life.own(await connectGroupOffsets({ kafka, groupId, topic }), (owned) =>
      owned.close(),
    );
    await zombie.fence();
    const seen: unknown[] = [];
    const late = zombie.transaction(async (transaction) => {
      await transaction.send([{ topic, records: [{ key: "k", value: Buffer.from("late") }] }]);
      await transaction.commitOffsets({
        groupId,
        topic,
        partitions: [{ partition: 0, nextOffset: 99n }],
      });
      await heir.fence();
      seen.push(await offsets.committed(0));
    });
    await expect(late).rejects.toThrow(TransientError);
    // Also while the callback of the transaction was running.
    expect(seen).toEqual([undefined]);
    expect(await offsets.committed(0)).toBeUndefined();
  });
});
