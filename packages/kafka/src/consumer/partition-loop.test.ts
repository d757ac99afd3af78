import { TransientError } from "@fiberstream/runtime/errors";
import { createLog } from "@fiberstream/runtime/log";
import { until } from "@fiberstream/testkit/until";
import { afterEach, describe, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import { BatchUnreadyError } from "../errors/batch-unready.ts";
import type { Position } from "../errors/partition-fault.ts";
import { createPipelineMetrics } from "../telemetry/pipeline-metrics.ts";
import { writeRecordBatch } from "../protocol/record-batch-writer.ts";
import type { IncomingRecord, LogIdentity, RecordBatch } from "../records.ts";
import type { EpochEnd, EpochEndOf } from "./epoch-ends.ts";
import type { FetchTicket } from "../fetch/fetch-loops.ts";
import type { FetchedBytes } from "../protocol/fetch-request.ts";
import { type PartitionLoop, runPartition } from "./partition-loop.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });

/** Records from `from` to below `to`, as a leader gives them. */
function fetched(from: number, to: number, more: Partial<FetchedBytes> = {}): FetchedBytes {
  const values = Array.from({ length: to - from }, (_, at) => ({
    key: null,
    value: Buffer.from(String(from + at)),
  }));
  const records = writeRecordBatch(values, undefined, 0);
  records.writeBigInt64BE(BigInt(from), 0);
  return {
    partition: 0,
    errorCode: 0,
    highWatermark: BigInt(to),
    diverging: undefined,
    aborted: [],
    records,
    ...more,
  };
}

const offsetsOf = ({ records }: RecordBatch) => records.map(({ offset }) => Number(offset));
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);

const running: PartitionLoop[] = [];
afterEach(() => Promise.all(running.splice(0).map((loop) => loop.stop())));

/** A partition whose position moves with what is done. */
function startLoop(
  options: {
    position?: { now: Position };
    identity?: () => LogIdentity;
    positionOf?: () => Promise<Position>;
    epochEndOf?: EpochEndOf;
    processBatch?: (batch: RecordBatch) => Promise<void>;
    replayFrom?: (partition: number, position: bigint) => Promise<bigint>;
    replay?: (partition: number, records: readonly IncomingRecord[]) => Promise<void>;
    before?: Promise<unknown>;
  } = {},
) {
  const { position = { now: 0n as Position } } = options;
  const done: number[] = [];
  const reports: (string | undefined)[] = [];
  const loop = runPartition({
    topic: "t",
    partition: 0,
    before: options.before,
    identity: options.identity ?? (() => ({ clusterId: "c", topicId: "t" })),
    work: {
      positionOf: options.positionOf ?? (async () => position.now),
      beginningOf: async () => 0n,
      epochEndOf: options.epochEndOf ?? (async (_partition, epoch) => ({ epoch, offset: 100n })),
      replayFrom: options.replayFrom,
      replay: options.replay,
      processBatch: async (batch) => {
        await options.processBatch?.(batch);
        expect(batch.firstOffset).toBe(position.now);
        done.push(...offsetsOf(batch));
        position.now = batch.nextOffset;
      },
    },
    outOfRangeAdvice: "Rewind it",
    wake: () => undefined,
    report: (reason) => reports.push(reason),
    halt: (error) => {
      throw error;
    },
    metrics: createPipelineMetrics({ registry: new Registry(), stage: "sink" }),
    log,
  });
  running.push(loop);
  const ticket = (): Promise<FetchTicket> =>
    until(() => loop.ticket(), { what: "the partition wants records" });
  return { loop, ticket, position, done, reports };
}

describe("a partition", () => {
  it("discards records that were fetched ahead if the batch before them was not written", async () => {
    const position = { now: 0n as Position };
    let isAway = true;
    const first = startLoop({
      position,
      processBatch: async () => {
        if (isAway) throw new TransientError("postgres", "away");
      },
    });
    (await first.ticket()).take(fetched(0, 10));
    const late = await first.ticket();
    late.take(fetched(10, 20));
    await until(() => first.reports.includes("postgres: away"), { what: "the first batch waits" });

    // The group assigns anew, and the partition comes back to the same member.
    const before = first.loop.stop();
    const second = startLoop({ position, before });
    isAway = false;
    const ticket = await second.ticket();
    expect(ticket.offset).toBe(0n);
    ticket.take(fetched(0, 20));
    await until(() => second.done.length === 20, { what: "all records are done" });
    expect([...first.done, ...second.done]).toEqual(range(0, 20));
  });

  it("discards what an earlier seek has requested", async () => {
    const { loop, ticket, position, done } = startLoop();
    const old = await ticket();
    position.now = 5n;
    loop.reseek();
    const now = await until(() => loop.ticket(), { what: "it is placed again" });
    expect(now.offset).toBe(5n);
    old.take(fetched(0, 10));
    now.take(fetched(5, 10));
    await until(() => done.length > 0, { what: "the records are done" });
    expect(done).toEqual(range(5, 10));
  });

  it("waits until an earlier loop of the same partition has ended before it asks for the position", async () => {
    const position = { now: 0n as Position };
    const released = Promise.withResolvers<void>();
    const first = startLoop({ position, processBatch: () => released.promise });
    (await first.ticket()).take(fetched(0, 10));
    await until(() => first.loop.busyMs() > 0, { what: "the batch is being done" });
    const second = startLoop({ position, before: first.loop.stop() });
    expect(second.loop.ticket()).toBeUndefined();
    released.resolve();
    expect((await second.ticket()).offset).toBe(10n);
  });

  it("asks again if the topic was recreated meanwhile, and returns the log of the position", async () => {
    let topicId = "old";
    const asked = [Promise.withResolvers<Position>(), Promise.withResolvers<Position>()];
    const answers = [...asked];
    const logs: string[] = [];
    const { loop, ticket, done } = startLoop({
      position: { now: 3n },
      identity: () => ({ clusterId: "c", topicId }),
      positionOf: () => answers.shift()?.promise ?? Promise.reject(new Error("asked three times")),
      processBatch: async (batch) => void logs.push(batch.log.topicId),
    });
    await until(() => answers.length === 1, { what: "it asks" });
    topicId = "new";
    loop.reseek();
    asked[0]?.resolve(9n);
    asked[1]?.resolve(3n);
    const now = await ticket();
    expect(now.offset).toBe(3n);
    now.take(fetched(3, 5));
    await until(() => done.length > 0, { what: "the records are done" });
    expect(logs).toEqual(["new"]);
  });

  it("can be moved between the answer with the position and the first fetch", async () => {
    for (let ticks = 0; ticks < 12; ticks++) {
      const asked = [Promise.withResolvers<Position>(), Promise.withResolvers<Position>()];
      const answers = [...asked];
      const { loop, ticket } = startLoop({
        positionOf: () => answers.shift()?.promise ?? Promise.resolve(5n),
      });
      await until(() => answers.length === 1, { what: "it asks" });
      asked[1]?.resolve(5n);
      asked[0]?.resolve(0n);
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
      loop.reseek();
      await until(async () => (await ticket()).offset === 5n, { what: "it is at the new place" });
      await loop.stop();
    }
  });

  it("waits with the replay while a dependency of it is unavailable", async () => {
    let isAway = true;
    const { ticket, done, reports } = startLoop({
      position: { now: 5n },
      replayFrom: async () => 2n,
      replay: async () => {
        if (isAway) throw new TransientError("registry", "away");
      },
    });
    (await ticket()).take(fetched(2, 8));
    await until(() => reports.includes("registry: away"), { what: "it is reported" });
    isAway = false;
    await until(() => done.length > 0, { what: "it goes on" });
    expect(done).toEqual(range(5, 8));
    expect(reports.at(-1)).toBeUndefined();
  });

  it("asks for a position again only when no earlier loop is asking", async () => {
    let open = 0;
    let most = 0;
    const released = Promise.withResolvers<void>();
    const replayFrom = async (_partition: number, position: bigint) => {
      most = Math.max(most, ++open);
      await released.promise;
      open--;
      return position;
    };
    const first = startLoop({ replayFrom });
    await until(() => open === 1, { what: "the first one reads" });
    await first.loop.stop();
    const second = startLoop({ replayFrom, before: first.loop.settled() });
    released.resolve();
    await second.ticket();
    expect(most).toBe(1);
  });

  it("prepares no replay when its position comes after it was stopped", async () => {
    const asked = Promise.withResolvers<Position>();
    const prepared: bigint[] = [];
    const { loop } = startLoop({
      positionOf: () => asked.promise,
      replayFrom: async (_partition, position) => {
        prepared.push(position);
        return position;
      },
    });
    await until(() => loop.busyMs() > 0, { what: "it asks" });
    await loop.stop();
    asked.resolve(5n);
    await loop.settled();
    expect(prepared).toEqual([]);
  });

  it("asks for its position and prepares the replay again when its owner is not ready for a batch", async () => {
    const prepared: bigint[] = [];
    const { ticket, done } = startLoop({
      replayFrom: async (_partition, position) => {
        prepared.push(position);
        return position;
      },
      processBatch: async () => {
        if (prepared.length === 1) throw new BatchUnreadyError("the windows are elsewhere");
      },
    });
    (await ticket()).take(fetched(0, 5));
    await until(() => prepared.length === 2, { what: "it prepares again" });
    (await ticket()).take(fetched(0, 5));
    await until(() => done.length > 0, { what: "the records are done" });
    expect(done).toEqual(range(0, 5));
  });

  it("does not resume by itself where the log was truncated, until it is moved", async () => {
    const { ticket, loop, position, done, reports } = startLoop({ position: { now: 5n } });
    (await ticket()).take(fetched(5, 10));
    await until(() => done.length === 5, { what: "the records are done" });
    (await ticket()).take({ ...fetched(10, 10), diverging: { epoch: 4, offset: 7n } });
    await until(() => reports.at(-1)?.includes("was truncated"), { what: "it is reported" });
    // Its position is asked for again, and is the same.
    await until(() => reports.filter((reason) => reason?.includes("was truncated")).length > 1, {
      what: "it has looked again",
    });
    expect(loop.ticket()).toBeUndefined();
    position.now = 7n;
    expect((await ticket()).offset).toBe(7n);
  });

  it.each<[string, ((partition: number, position: bigint) => Promise<bigint>) | undefined]>([
    ["", undefined],
    [" and reads its history first", async () => 2n],
  ])(
    "does not begin after the end of a truncated log that another process has read%s",
    async (_how, replayFrom) => {
      let end = 7n;
      const asked: number[] = [];
      const { ticket, loop, position, reports } = startLoop({
        position: { now: { offset: 10n, leaderEpoch: 4 } },
        epochEndOf: async (_partition, leaderEpoch) => {
          asked.push(leaderEpoch);
          return { epoch: leaderEpoch, offset: end };
        },
        ...(replayFrom && { replayFrom }),
      });
      const reason = "was truncated to offset 7, but was read up to 10";
      await until(() => reports.some((one) => one?.includes(reason)), { what: "it is reported" });
      expect(loop.ticket()).toBeUndefined();
      position.now = 7n;
      expect((await ticket()).leaderEpoch).toBe(-1);
      // Nobody says which epoch it is of.
      expect(asked).toEqual([4]);
      await loop.stop();

      end = 10n;
      const other = startLoop({
        position: { now: { offset: 10n, leaderEpoch: 4 } },
        epochEndOf: async (_partition, epoch) => ({ epoch, offset: end }),
        ...(replayFrom && { replayFrom }),
      });
      expect(await other.ticket()).toMatchObject(
        replayFrom ? { offset: 2n, leaderEpoch: -1 } : { offset: 10n, leaderEpoch: 4 },
      );
    },
  );

  it.each([
    ["longer than what was read", 12n],
    ["shorter than what was read", 8n],
  ])("stops at a leader that lacks the epoch that was read, and is %s", async (_how, offset) => {
    const { ticket, loop, position, reports } = startLoop({
      position: { now: { offset: 10n, leaderEpoch: 5 } },
      epochEndOf: async (_partition, epoch) => ({ epoch, offset: 10n }),
    });
    (await ticket()).take({ ...fetched(10, 10), diverging: { epoch: 4, offset } });
    const reason = `was read up to 10 in leader epoch 5, which its log lacks (its epoch 4 ends at offset ${offset})`;
    await until(() => reports.at(-1)?.includes(reason), { what: "it is reported" });
    expect(loop.ticket()).toBeUndefined();
    position.now = 7n;
    expect((await ticket()).offset).toBe(7n);
  });

  it.each<[string, EpochEnd | undefined, ((partition: number) => Promise<bigint>) | undefined]>([
    ["of an older epoch, further than it was read", { epoch: 4, offset: 15n }, undefined],
    ["of an older epoch, with records to replay", { epoch: 4, offset: 15n }, async () => 2n],
    ["of no epoch", undefined, undefined],
    ["of no epoch, with records to replay", undefined, async () => 2n],
  ])(
    "does not begin in a log whose leader answers with the end %s",
    async (_how, end, replayFrom) => {
      const { loop, reports } = startLoop({
        position: { now: { offset: 10n, leaderEpoch: 5 } },
        epochEndOf: async () => end,
        ...(replayFrom && { replayFrom }),
      });
      const reason = "was read up to 10 in leader epoch 5, which its log lacks";
      await until(() => reports.some((one) => one?.includes(reason)), { what: "it is reported" });
      expect(loop.ticket()).toBeUndefined();
    },
  );

  it("stops where its replay ends if a leader without the position's epoch was elected meanwhile", async () => {
    let end: EpochEnd = { epoch: 5, offset: 10n };
    let fails = 1;
    const replayed: number[] = [];
    const { ticket, done, reports } = startLoop({
      position: { now: { offset: 10n, leaderEpoch: 5 } },
      epochEndOf: async () => {
        if (end.epoch === 4 && fails-- > 0) throw new TransientError("kafka", "away");
        return end;
      },
      replayFrom: async () => 2n,
      replay: async (_partition, records) => void replayed.push(records.length),
    });
    (await ticket()).take(fetched(2, 6));
    await until(() => replayed.length === 1, { what: "the first records are replayed" });
    end = { epoch: 4, offset: 15n };
    (await ticket()).take(fetched(6, 15));
    const reason = "was read up to 10 in leader epoch 5, which its log lacks";
    await until(() => reports.some((one) => one?.includes(reason)), { what: "it is reported" });
    expect(replayed).toEqual([4]);
    expect(done).toEqual([]);
  });

  it("ends at once if it is only asking for its position", async () => {
    const { loop } = startLoop({ positionOf: () => new Promise(() => undefined) });
    await loop.stop();
  });

  it("begins a batch where the one before ended, also across transaction markers", async () => {
    const firsts: bigint[] = [];
    const { ticket, done } = startLoop({
      processBatch: async ({ firstOffset }) => void firsts.push(firstOffset),
    });
    (await ticket()).take(fetched(0, 3));
    (await ticket()).take(fetched(5, 7));
    await until(() => done.length === 5, { what: "both are done" });
    expect(done).toEqual([0, 1, 2, 5, 6]);
    expect(firsts).toEqual([0n, 3n]);
  });

  it("omits records before the requested offset", async () => {
    const { ticket, done } = startLoop({ position: { now: 4n } });
    // A compressed batch comes as a whole.
    (await ticket()).take(fetched(0, 8));
    await until(() => done.length > 0, { what: "the records are done" });
    expect(done).toEqual(range(4, 8));
  });

  it.each([
    [
      "a log that was truncated below what was read",
      { diverging: { epoch: -1, offset: 2n } },
      "was truncated to offset 2",
    ],
    ["a batch that cannot be read", { records: Buffer.alloc(70) }, "cannot be read"],
  ])("stops at %s, and reports it", async (_what, more, reason) => {
    const { ticket, done, reports } = startLoop({ position: { now: 5n } });
    (await ticket()).take(fetched(5, 10, more));
    await until(() => reports.at(-1)?.includes(reason), { what: "it is reported" });
    expect(done).toEqual([]);
  });
});
