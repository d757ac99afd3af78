import type { RecordBatch } from "@fiberstream/kafka/records";
import { expect, it } from "@jest/globals";
import { createPreparedBatches } from "./prepared-batches.ts";

const batchOf = (partition: number): RecordBatch => ({
  topic: "raw",
  partition,
  log: { clusterId: "c", topicId: "t" },
  records: [],
  firstOffset: 0n,
  nextOffset: 1n,
  highWatermark: 1n,
});

it("drops prepared batches of revoked partitions, and no others", () => {
  const prepared = createPreparedBatches<string>();
  const [lost, kept] = [batchOf(0), batchOf(1)];
  prepared.add(lost, "lost");
  prepared.add(kept, "kept");
  prepared.keepOnly([1]);
  expect(prepared.of(lost)).toBeUndefined();
  expect(prepared.of(kept)).toBe("kept");
});

it("keeps a prepared batch when an earlier batch of its partition is done", () => {
  const prepared = createPreparedBatches<string>();
  const [before, now] = [batchOf(0), batchOf(0)];
  prepared.add(before, "before");
  prepared.add(now, "now");
  prepared.done(before);
  expect(prepared.of(now)).toBe("now");
});
