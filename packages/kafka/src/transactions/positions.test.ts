import { messageOf } from "@fiberstream/runtime/errors";
import { createLog } from "@fiberstream/runtime/log";
import { until } from "@fiberstream/testkit/until";
import { afterEach, describe, expect, it } from "@jest/globals";
import { BrokerAnswerError } from "../broker/broker-answer.ts";
import { PartitionFaultError } from "../errors/partition-fault.ts";
import type { Coordinators } from "./coordinator/coordinators.ts";
import { createFences, type Fences } from "./coordinator/fences.ts";
import { createPositions, type KnownPosition } from "./positions.ts";

const LOG = { clusterId: "c", topicId: "t" };
const UNSTABLE_OFFSET_COMMIT = 88;
const lines: string[] = [];
const log = createLog({ service: "test", level: "silent", format: "json" });
log.warn = (...line: unknown[]) => void lines.push(String(line.at(-1)));

let fences: Fences | undefined;
afterEach(() => {
  fences?.close();
  lines.length = 0;
});

/** Positions of partitions that a process has committed which is not in the group any more. */
const createBench = () => {
  const bench = {
    offset: 5n,
    /** What a transaction moves that is still open. */
    unstable: new Set<number>(),
    fenced: new Set<string>(),
    /** Ids whose open transaction cannot be ended. */
    unfenceable: "-7",
    nowMs: 0,
    /** Settles when no transaction of the process itself is open for the partition. */
    settled: new Map<number, Promise<void>>(),
    knownPositions: new Map<number, KnownPosition>(),
  };
  const ask = async (of: { kind: string; key: string }, ...args: unknown[]) => {
    if (of.kind === "transaction") {
      if (of.key.endsWith(bench.unfenceable)) {
        throw new BrokerAnswerError("CONCURRENT_TRANSACTIONS", "markers cannot be written");
      }
      bench.fenced.add(of.key);
      return { producerId: 1n, producerEpoch: 1 };
    }
    const [, , groups, isStableRequired] = args;
    const [asked] = groups as { groupId: string; topics: { partitionIndexes: number[] }[] }[];
    const partitions = asked?.topics[0]?.partitionIndexes.map((partitionIndex) => ({
      partitionIndex,
      committedOffset: bench.offset,
      committedLeaderEpoch: -1,
      metadata: "x by=dead/0.7",
      errorCode:
        isStableRequired && bench.unstable.has(partitionIndex) ? UNSTABLE_OFFSET_COMMIT : 0,
    }));
    return {
      groups: [{ groupId: asked?.groupId, errorCode: 0, topics: [{ name: "t", partitions }] }],
    };
  };
  const coordinators = {
    ask: ask as unknown as Coordinators["ask"],
    find: async () => ({ host: "b", port: 1 }),
  };
  fences = createFences({ coordinators, groupId: "g", log });
  const positions = createPositions({
    coordinators,
    fences,
    groupId: "g",
    topic: "t",
    processId: "me",
    member: () => undefined,
    liveProcesses: () => new Set(["me"]),
    knownPositions: bench.knownPositions,
    settled: async (partition) => bench.settled.get(partition),
    log,
    nowMs: () => bench.nowMs,
  });
  return Object.assign(bench, positions);
};

describe("a dead process's transactional id that cannot be fenced", () => {
  it("delays a stable offset for a moment, an unstable one until it is stable, and is fenced when possible", async () => {
    const bench = createBench();
    bench.unstable.add(1);
    expect((await bench.of([0, 1], LOG)).size).toBe(0);
    bench.nowMs += 2_100;
    expect([...(await bench.of([0, 1], LOG))]).toEqual([[0, 5n]]);
    expect([...bench.fenced]).toEqual(["g-dead-0"]);
    // Nobody asks for a position any more.
    bench.unfenceable = "nothing";
    await until(() => bench.fenced.has("g-dead-7"), { what: "the id is fenced" });
  });
});

describe("a transaction of the process itself that does not end", () => {
  it("holds back its own partitions, and others that are asked for with them only for a moment", async () => {
    const bench = createBench();
    bench.unfenceable = "nothing";
    const ended = Promise.withResolvers<void>();
    bench.settled.set(1, ended.promise);
    const begunMs = performance.now();
    expect([...(await bench.of([0, 1], LOG))]).toEqual([[0, 5n]]);
    expect(performance.now() - begunMs).toBeLessThan(700);
    ended.resolve();
    expect((await bench.of([0, 1], LOG)).size).toBe(2);
  });
});

describe("a position below what this process has committed", () => {
  it("is logged once, and becomes a fault of its partition if it stays", async () => {
    const bench = createBench();
    bench.unfenceable = "nothing";
    const committedHere = { offset: 9n, log: LOG };
    bench.knownPositions.set(0, { position: 9n, memberId: undefined, text: "", committedHere });
    for (let tries = 0; tries < 3; tries++) {
      expect((await bench.of([0], LOG)).size).toBe(0);
      bench.nowMs += 20_100;
    }
    expect(lines).toEqual(["committed offset ignored, it is behind what this process committed"]);
    const { 0: fault } = Object.fromEntries(await bench.of([0], LOG));
    expect(fault).toBeInstanceOf(PartitionFaultError);
    expect(messageOf(fault)).toContain("the group's offset is 5, behind 9");
    bench.offset = 9n;
    expect([...(await bench.of([0], LOG))]).toEqual([[0, 9n]]);
  });
});
