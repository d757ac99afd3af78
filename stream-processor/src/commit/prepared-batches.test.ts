import type { RecordBatch } from "@fiberstream/kafka/records";
import { expect, it } from "@jest/globals";
import { createInHand } from "./prepared-batches.ts";

const batchOf = (partition: number): RecordBatch => ({
  topic: "raw",
  partition,
  log: { clusterId: "c", topicId: "t" },
  records: [],
  firstOffset: 0n,
  nextOffset: 1n,
  highWatermark: 1n,
});

it("forgets what is no longer ours, and nothing else", () => {
  const inHand = createInHand<string>();
  const [lost, kept] = [batchOf(0), batchOf(1)];
  inHand.keep(lost, "lost");
  inHand.keep(kept, "kept");
  inHand.keepOnly([1]);
  expect(inHand.of(lost)).toBeUndefined();
  expect(inHand.of(kept)).toBe("kept");
});

it("keeps what is made of a batch when one of before is done", () => {
  const inHand = createInHand<string>();
  const [before, now] = [batchOf(0), batchOf(0)];
  inHand.keep(before, "before");
  inHand.keep(now, "now");
  inHand.done(before);
  expect(inHand.of(now)).toBe("now");
});
