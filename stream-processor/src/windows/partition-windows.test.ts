import { BatchUnreadyError } from "@fiberstream/kafka/batch-unready";
import { TransientError } from "@fiberstream/runtime/errors";
import { dead } from "@fiberstream/runtime/outcome";
import { expect, it } from "@jest/globals";
import { sampleEvent } from "../testing/sample-event.ts";
import { createPartitionWindows } from "./partition-windows.ts";

const event = sampleEvent({ node_id: "n" });

/** Windows whose open alerts come when the test says so. */
const held = () => {
  const asked: (() => void)[] = [];
  const windows = createPartitionWindows({
    maxNodesPerPartition: 10,
    checkpointOf: () => undefined,
    earliestOf: async () => 0n,
    openAlertsOf: () =>
      new Promise((resolve) => asked.push(() => resolve({ open: [], moved: [], partitions: 1 }))),
    decoder: {
      prepare: async () => undefined,
      decode: () => dead({ failureClass: "not-avro", message: "no Avro" }),
    },
    countEvicted: () => undefined,
  });
  return { ...windows, answer: (at: number) => asked[at]?.() };
};

it("keeps its windows when the answer of an earlier assignment comes late", async () => {
  const { replayFrom, at, answer } = held();
  // Its loop is told to stop while it waits, and the partition is back.
  const earlier = replayFrom(0, 100n);
  const later = replayFrom(0, 100n);
  answer(1);
  await later;
  const window = at(0, 100n);
  window.judge(event, { offset: 100, timeMs: 1_000 });
  window.position = 101n;
  answer(0);
  await expect(earlier).rejects.toThrow(TransientError);
  await expect(earlier).rejects.toThrow("was reassigned meanwhile");
  expect(at(0, 101n).judge(event, { offset: 101, timeMs: 1_001 }).isDuplicate).toBe(true);
});

it("creates no windows for a partition that was revoked meanwhile", async () => {
  const { replayFrom, at, keepOnly, answer } = held();
  const placed = replayFrom(0, 100n);
  keepOnly([1]);
  answer(0);
  await expect(placed).rejects.toThrow("was reassigned meanwhile");
  expect(() => at(0, 100n)).toThrow(TransientError);
});

it("rejects a batch that begins at another offset, and accepts the expected one, also when it is retried", async () => {
  const { replayFrom, at, keepOnly, answer } = held();
  const placed = replayFrom(0, 100n);
  answer(0);
  await placed;
  expect(() => at(0, 99n)).toThrow("the windows of partition 0 are at 100, not at 99");
  expect(() => at(0, 99n)).toThrow(BatchUnreadyError);
  const window = at(0, 100n);
  expect(at(0, 100n)).toBe(window);
  keepOnly([1]);
  expect(() => at(0, 100n)).toThrow("not ready");
});
