import { FatalError, TransientError } from "@fiberstream/runtime/errors";
import { createLog } from "@fiberstream/runtime/log";
import { describe, expect, it } from "@jest/globals";
import { BatchUnreadyError } from "../errors/batch-unready.ts";
import { PartitionPausedError } from "../errors/partition-paused.ts";
import { PartitionFaultError, type Position } from "../errors/partition-fault.ts";
import type { RecordBatch } from "../records.ts";
import { createTryBatch, waitAfterMs } from "./try-batch.ts";

const batch: RecordBatch = {
  topic: "t",
  partition: 0,
  log: { clusterId: "c", topicId: "t" },
  records: [],
  firstOffset: 10n,
  nextOffset: 20n,
  highWatermark: 20n,
};
const away = () => {
  throw new TransientError("kafka", "connection refused");
};

function tryWith(
  tries: (() => void)[],
  positionOf: () => Position | undefined = () => batch.firstOffset,
  topicId = "t",
) {
  const durations: number[] = [];
  const halts: unknown[] = [];
  const reports: (string | undefined)[] = [];
  const stopping = new AbortController();
  const tryBatch = createTryBatch({
    processBatch: async () => tries.shift()?.(),
    positionOf: async () => positionOf(),
    identity: () => ({ clusterId: "c", topicId }),
    metrics: { batch: (_, seconds) => durations.push(seconds), retry: () => undefined },
    report: (reason) => reports.push(reason),
    halt: (error) => halts.push(error),
    log: createLog({ service: "test", level: "silent", format: "json" }),
    stopping: stopping.signal,
  });
  return { run: () => tryBatch(batch), halts, reports, durations, stopping };
}

describe("a batch", () => {
  it("is retried in place until it succeeds, and reports meanwhile why it waits", async () => {
    const { run, reports } = tryWith([away, away]);
    expect(await run()).toEqual({ kind: "done" });
    expect(reports).toEqual(["kafka: connection refused", "kafka: connection refused", undefined]);
  });

  it("is not tried again in place if what its owner has before it does not fit, and waits before that", async () => {
    const unready = () => {
      throw new BatchUnreadyError("the windows are at 5");
    };
    const { run, reports } = tryWith([unready]);
    const beganMs = performance.now();
    expect(await run()).toEqual({ kind: "moved" });
    expect(performance.now() - beganMs).toBeGreaterThan(49);
    expect(reports[0]).toBe("kafka: the windows are at 5");
  });

  it("has the duration of all its attempts and the waits between them", async () => {
    const beganMs = performance.now();
    const { run, durations } = tryWith([away, away]);
    await run();
    const tookSeconds = (performance.now() - beganMs) / 1_000;
    expect(durations).toHaveLength(1);
    // The least waits of two tries: 50 and 100 ms.
    expect(durations[0]).toBeGreaterThan(0.149);
    expect(durations[0]).toBeLessThanOrEqual(tookSeconds);
  });

  it("has a duration without the time for which it was paused", async () => {
    let heldMs = 0;
    const held = Promise.withResolvers<void>();
    const { run, durations } = tryWith([
      () => {
        setTimeout(held.resolve, 100);
        heldMs = performance.now();
        throw new PartitionPausedError("not now", held.promise);
      },
    ]);
    await run();
    expect(durations[0]).toBeLessThan((performance.now() - heldMs) / 1_000 - 0.09);
  });

  it("is not retried if a failed attempt was committed, or the position was moved", async () => {
    const { run } = tryWith([away], () => 20n);
    expect(await run()).toEqual({ kind: "moved" });
  });

  it("is not retried if the topic was recreated, even if the position is the same by chance", async () => {
    const { run } = tryWith([away], undefined, "another");
    expect(await run()).toEqual({ kind: "moved" });
  });

  it("is not retried while the position is not known", async () => {
    const positions = [undefined, undefined, 10n];
    let isTriedUnknown = false;
    const { run } = tryWith([away, () => (isTriedUnknown = positions.length > 0)], () =>
      positions.shift(),
    );
    expect(await run()).toEqual({ kind: "done" });
    expect(isTriedUnknown).toBe(false);
  });

  it("is tried again as soon as the position is known, however long that took", async () => {
    const answers = [...Array.from({ length: 7 }, () => undefined), batch.firstOffset];
    const { run } = tryWith([away], () => answers.shift());
    const begunMs = performance.now();
    expect(await run()).toEqual({ kind: "done" });
    // Doubled waits would take at least 5 s.
    expect(performance.now() - begunMs).toBeLessThan(2_500);
  });

  it("waits at most a second for Kafka, which soon has another leader, and longer for others", () => {
    const after = (dependency: "kafka" | "postgres", attempt: number) =>
      waitAfterMs(new TransientError(dependency, "away"), attempt);
    for (const attempt of [1, 3, 5, 8, 100]) {
      expect(after("kafka", attempt)).toBeLessThanOrEqual(1_000);
    }
    expect(after("kafka", 8)).toBe(1_000);
    expect(after("postgres", 8)).toBeGreaterThan(2_400);
  });

  it.each([
    ["a fatal error", new FatalError("no such table", "run the migrations")],
    ["a defect", new TypeError("x is not a function")],
  ])("halts the consumer at %s, and commits nothing", async (_what, error) => {
    const { run, halts } = tryWith([
      () => {
        throw error;
      },
    ]);
    expect(await run()).toEqual({ kind: "stopped" });
    expect(halts).toEqual([error]);
  });

  it("stops only its partition at a fault of the partition", async () => {
    const fault = new PartitionFaultError("it cannot go on", "Look at it");
    const { run, halts } = tryWith([
      () => {
        throw fault;
      },
    ]);
    expect(await run()).toEqual({ kind: "fault", fault });
    expect(halts).toEqual([]);
  });

  it("waits until it is resumed when it is paused", async () => {
    const resumed = Promise.withResolvers<void>();
    const { run } = tryWith([
      () => {
        setImmediate(resumed.resolve);
        throw new PartitionPausedError("not now", resumed.promise);
      },
    ]);
    expect(await run()).toEqual({ kind: "done" });
  });

  it("ends its wait when the partition is revoked", async () => {
    const { run, stopping } = tryWith([
      () => {
        setImmediate(() => stopping.abort());
        away();
      },
    ]);
    expect(await run()).toEqual({ kind: "stopped" });
  });
});
