import { FatalError, TransientError } from "@fiberstream/runtime/errors";
import { createHealth } from "@fiberstream/runtime/health";
import { createLog } from "@fiberstream/runtime/log";
import { describe, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import { createBatchLoop } from "./batch-loop.ts";
import { createPipelineMetrics } from "./pipeline-metrics.ts";
import type { RecordBatch } from "./records.ts";

const batch: RecordBatch = {
  topic: "t",
  partition: 0,
  log: { clusterId: "c", topicId: "t" },
  records: [],
  firstOffset: 10n,
  nextOffset: 20n,
  highWatermark: 20n,
};
const away = () => new TransientError("kafka", "connection refused");

function loopOver(tries: (() => void)[], options: { position?: bigint } = {}) {
  const health = createHealth();
  const check = health.check("consumer");
  const halts: string[] = [];
  const stopping = new AbortController();
  let beats = 0;
  const loop = createBatchLoop({
    processBatch: async () => tries.shift()?.(),
    positionOf: async () => options.position ?? batch.firstOffset,
    heartbeatIntervalMs: 20,
    metrics: createPipelineMetrics({ registry: new Registry(), stage: "sink" }),
    check,
    halt: (reason) => halts.push(reason),
    alive: () => undefined,
    log: createLog({ service: "test", level: "silent", format: "json" }),
    stopping: stopping.signal,
  });
  return {
    run: (heartbeat = async () => void beats++, isOurs = () => true) =>
      loop(batch, heartbeat, isOurs),
    health,
    halts,
    stopping,
    beats: () => beats,
  };
}

describe("batch loop", () => {
  it("tries again in place until the batch is done, with heartbeats meanwhile", async () => {
    const seen: boolean[] = [];
    const { run, health, beats } = loopOver([
      () => {
        throw away();
      },
      () => {
        seen.push(health.isReady());
        throw away();
      },
    ]);
    expect(await run()).toEqual({ kind: "done", nextOffset: 20n });
    expect(seen).toEqual([false]);
    expect(health.isReady()).toBe(true);
    expect(beats()).toBeGreaterThan(2);
  });

  it("goes on from where the owner of the position says when a failed try had been committed", async () => {
    const { run } = loopOver(
      [
        () => {
          throw away();
        },
      ],
      { position: 20n },
    );
    expect(await run()).toEqual({ kind: "moved", nextOffset: 20n });
  });

  it.each([
    ["a fatal error", new FatalError("no such table", "run the migrations")],
    ["a defect", new TypeError("x is not a function")],
  ])("stops for good at %s, and commits nothing", async (_what, error) => {
    const { run, halts } = loopOver([
      () => {
        throw error;
      },
    ]);
    expect(await run()).toEqual({ kind: "stopped" });
    expect(halts).toEqual([error.message]);
  });

  it("throws what a heartbeat throws, so that the member joins its group again", async () => {
    const { run } = loopOver([
      () => {
        throw away();
      },
    ]);
    const rebalance = Object.assign(new Error("rebalance"), { type: "REBALANCE_IN_PROGRESS" });
    await expect(run(() => Promise.reject(rebalance))).rejects.toBe(rebalance);
  });

  it("does not try again what was read before the partition was assigned anew", async () => {
    let tries = 0;
    const { run, health } = loopOver([
      () => {
        tries++;
        throw away();
      },
      () => void tries++,
    ]);
    expect(await run(undefined, () => tries === 0)).toEqual({ kind: "stopped" });
    expect(tries).toBe(1);
    expect(health.isReady()).toBe(true);
  });

  it("ends its wait when the service stops", async () => {
    const { run, stopping } = loopOver([
      () => {
        setImmediate(() => stopping.abort());
        throw away();
      },
    ]);
    expect(await run()).toEqual({ kind: "stopped" });
  });
});
