import { createLog } from "@fiberstream/runtime/log";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { TopicMetadata } from "./connections.ts";
import { type TopicState, watchTopic } from "./topic-state.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });

let stopping: AbortController;
beforeEach(() => {
  stopping = new AbortController();
});
afterEach(() => stopping.abort());

/** Of a log, since when each partition's leader leads. */
const known = (topicId: string, epochs: readonly number[]): TopicMetadata => ({
  log: { clusterId: "a-cluster", topicId },
  leaders: new Map(
    epochs.map((epoch, at) => {
      const address = { host: `leader-${epoch}`, port: 1 };
      return [at, { address, epoch, inSyncReplicas: 1 }];
    }),
  ),
});

/** A topic whose brokers say these things, one after the other, then the last of them for ever. */
function watch(first: TopicMetadata, says: readonly TopicMetadata[]) {
  const left = [...says];
  let last = first;
  /** Each log and number of partitions that was ever believed. */
  const believed = new Set<string>();
  const state: TopicState = watchTopic({
    connections: {
      topicMetadata: async () => (last = left.shift() ?? last),
    },
    topic: "a-topic",
    first,
    onChange: () => {
      believed.add(`${state.log().topicId}: ${state.partitions().length}`);
    },
    onFailing: () => undefined,
    stopping: stopping.signal,
    log,
  });
  const lookedAtAll = () =>
    until(
      () => {
        state.refreshSoon();
        return left.length === 0;
      },
      { what: "all was looked at" },
    );
  return { state, lookedAtAll, believed };
}

const epochsOf = (state: TopicState) =>
  state.partitions().map((partition) => state.leaderOf(partition)?.epoch);

describe("the known state of a topic", () => {
  it("keeps the later leader of each partition", async () => {
    const { state, lookedAtAll } = watch(known("a", [5, 1]), [known("a", [4, 2])]);
    await lookedAtAll();
    expect(epochsOf(state)).toEqual([5, 2]);
    expect(state.leaderOf(0)?.address?.host).toBe("leader-5");
  });

  it("takes added partitions at once", async () => {
    const { state, lookedAtAll } = watch(known("a", [1]), [known("a", [1, 1])]);
    await lookedAtAll();
    expect(state.partitions()).toEqual([0, 1]);
  });

  it("accepts another log, or fewer partitions, only if a second broker confirms it", async () => {
    const now = known("a", [3, 3]);
    const stale = watch(now, [known("b", [1, 1]), now, known("a", [3]), now]);
    await stale.lookedAtAll();
    expect(stale.believed).toEqual(new Set(["a: 2"]));
    expect(epochsOf(stale.state)).toEqual([3, 3]);

    const anew = watch(now, [known("b", [0]), known("b", [0])]);
    await anew.lookedAtAll();
    await until(() => anew.state.log().topicId === "b", { what: "it is another log" });
    expect(epochsOf(anew.state)).toEqual([0]);

    const fewer = watch(now, [known("a", [3]), known("a", [3])]);
    await fewer.lookedAtAll();
    await until(() => fewer.state.partitions().length === 1, { what: "it has one partition" });
  });
});
