import { createLog } from "@fiberstream/runtime/log";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { Connections } from "../broker/connections.ts";
import type { FetchedBytes } from "../protocol/fetch-request.ts";
import { startFetchLoops } from "./fetch-loops.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const NOT_LEADER = 6;

let stopping: AbortController;
/** Who leads each partition. */
let leaders: Map<number, string>;
let failing: Map<string, string>;
let fetches: { host: string; partitions: number[] }[];
/** How the answer comes. */
let comes: (onProgress?: () => void) => Promise<unknown>;
let answer: (host: string, partition: number) => Partial<FetchedBytes>;

beforeEach(() => {
  stopping = new AbortController();
  failing = new Map();
  fetches = [];
  comes = () => new Promise((resolve) => setImmediate(resolve));
});
afterEach(() => stopping.abort());

function start() {
  const call = async (
    { host }: { host: string },
    _lane: string,
    request: { onProgress?: () => void },
    ...args: unknown[]
  ) => {
    const [{ partitions }] = args[6] as [{ partitions: { partition: number }[] }];
    const asked = partitions.map(({ partition }) => partition);
    fetches.push({ host, partitions: asked });
    const nothing = { errorCode: 0, highWatermark: 0n, diverging: undefined, aborted: [] };
    const answered = asked.map((partition) =>
      Object.assign({ partition, records: Buffer.alloc(0) }, nothing, answer(host, partition)),
    );
    await comes(request.onProgress);
    return { errorCode: 0, partitions: answered };
  };
  const loops = startFetchLoops({
    connections: { call } as unknown as Connections,
    state: {
      log: () => ({ clusterId: "c", topicId: "t" }),
      partitions: () => [...leaders.keys()],
      leaderOf: (partition) => ({
        address: { host: leaders.get(partition) ?? "", port: 1 },
        epoch: 1,
        inSyncReplicas: 1,
      }),
      refreshSoon: () => undefined,
    },
    owned: () => [...leaders.keys()],
    ticketOf: (partition) => ({
      partition,
      offset: 0n,
      leaderEpoch: -1,
      take: () => undefined,
      refused: () => undefined,
      release: () => undefined,
    }),
    minBytes: 1,
    maxWaitMs: 10,
    maxBytesPerPartition: 1_000,
    onFailing: (broker, reason) =>
      reason === undefined ? failing.delete(broker) : failing.set(broker, reason),
    stopping: stopping.signal,
    log,
  });
  loops.wake();
  return loops;
}

describe("fetch loops", () => {
  it("no longer report a broker when others lead its partitions", async () => {
    leaders = new Map([[0, "gone"]]);
    answer = (host) => {
      if (host === "gone") throw new Error("connection refused");
      return {};
    };
    const loops = start();
    await until(() => failing.has("gone:1"), { what: "the failure is reported" });
    leaders.set(0, "other");
    loops.wake();
    await until(() => fetches.some(({ host }) => host === "other"), { what: "the other is asked" });
    await until(() => failing.size === 0, { what: "the failure is over" });
  });

  it("are not silent while an answer arrives slowly, and are when nothing arrives", async () => {
    leaders = new Map([[0, "a"]]);
    answer = () => ({});
    const asked: (() => void)[] = [];
    comes = (onProgress) => {
      asked.push(onProgress ?? (() => undefined));
      return new Promise(() => undefined);
    };
    const loops = start();
    await until(() => asked.length === 2 && loops.silentMs() > 50, { what: "both are silent" });
    for (const progress of asked) progress();
    expect(loops.silentMs()).toBeLessThan(50);
  });

  it("omit a partition whose leader has moved, and continue with the broker's others", async () => {
    leaders = new Map([
      [0, "a"],
      [1, "a"],
    ]);
    answer = (_host, partition) => (partition === 0 ? { errorCode: NOT_LEADER } : {});
    start();
    await until(() => fetches.length > 50, { what: "it goes on", timeoutMs: 2_000 });
    const of = (partition: number) => fetches.filter((one) => one.partitions.includes(partition));
    expect(of(0).length).toBeLessThan(of(1).length / 4);
    expect(failing.size).toBe(0);
  });
});
