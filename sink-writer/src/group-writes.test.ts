import type { RecordBatch } from "@fiberstream/kafka/records";
import { until } from "@fiberstream/testkit/until";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { createGroupWrites } from "./group-writes.ts";
import { batchOf, recordOf } from "./testing/sample-rows.ts";

type Write = { readonly partitions: readonly number[]; readonly end: PromiseWithResolvers<void> };

let writes: Write[];
let share: ReturnType<typeof createGroupWrites>;
beforeEach(() => {
  writes = [];
  share = createGroupWrites({
    maxRows: 100,
    writers: 2,
    write: (batches) => {
      const end = Promise.withResolvers<void>();
      writes.push({ partitions: batches.map(({ partition }) => partition), end });
      return end.promise;
    },
  });
});

const batch = (partition: number, count: number) =>
  batchOf(
    Array.from({ length: count }, () => recordOf(Buffer.alloc(0), 1)),
    { partition },
  );
const partitions = () => writes.map((write) => write.partitions);
const untilWrites = (count: number) =>
  until(() => writes.length === count, { what: `${count} writes have begun` });

describe("shared writes", () => {
  it("join batches that arrive at the same moment, up to a number of rows", async () => {
    const done = [batch(0, 40), batch(1, 50), batch(2, 30), batch(3, 10)].map(share);
    await untilWrites(2);
    expect(partitions()).toEqual([
      [0, 1],
      [2, 3],
    ]);
    for (const { end } of writes) end.resolve();
    await Promise.all(done);
  });

  it("contain a larger batch alone", async () => {
    void share(batch(0, 500));
    void share(batch(1, 1));
    await untilWrites(2);
    expect(partitions()).toEqual([[0], [1]]);
  });

  it("split a very large batch into consecutive parts", async () => {
    const large = batchOf(
      Array.from({ length: 250 }, (_, place) => recordOf(Buffer.alloc(0), 1, 7 + 2 * place)),
      { firstOffset: 5n, leaderEpoch: 9 },
    );
    const written: RecordBatch[] = [];
    const shareParts = createGroupWrites({
      maxRows: 10,
      maxRowsAlone: 100,
      writers: 2,
      write: async (batches) => void written.push(...batches),
    });
    await shareParts(large);
    expect(written.flatMap(({ records }) => records)).toEqual(large.records);
    expect(written.map(({ firstOffset, nextOffset }) => [firstOffset, nextOffset])).toEqual([
      [5n, 207n],
      [207n, 407n],
      [407n, large.nextOffset],
    ]);
    expect(written.map(({ leaderEpoch }) => leaderEpoch)).toEqual([undefined, undefined, 9]);
  });

  it("contain a part that has failed alone when its batch is retried", async () => {
    const large = batch(0, 250);
    const shareParts = createGroupWrites({
      maxRows: 100,
      maxRowsAlone: 100,
      writers: 1,
      write: (batches) => {
        const end = Promise.withResolvers<void>();
        writes.push({ partitions: batches.map(({ partition }) => partition), end });
        return end.promise;
      },
    });
    const first = shareParts(large);
    await untilWrites(1);
    writes[0]?.end.reject(new Error("away"));
    await expect(first).rejects.toThrow("away");
    void shareParts(large);
    void shareParts(batch(1, 1));
    await untilWrites(2);
    expect(partitions()[1]).toEqual([0]);
  });

  it("join batches that arrive while all writers are busy", async () => {
    void share(batch(0, 100));
    void share(batch(1, 100));
    await untilWrites(2);
    void share(batch(2, 1));
    await new Promise(setImmediate);
    void share(batch(3, 1));
    await new Promise(setImmediate);
    expect(writes).toHaveLength(2);
    writes[1]?.end.resolve();
    await untilWrites(3);
    expect(partitions()[2]).toEqual([2, 3]);
  });

  it("contain a batch alone once its write has failed, so that it does not fail others again", async () => {
    const batches = [batch(0, 1), batch(1, 1)];
    const failing = batches.map(share);
    await untilWrites(1);
    writes[0]?.end.reject(new Error("away"));
    for (const promise of failing) await expect(promise).rejects.toThrow("away");

    for (const next of [batch(2, 1), ...batches, batch(3, 1)]) void share(next);
    await untilWrites(3);
    writes[1]?.end.resolve();
    writes[2]?.end.resolve();
    await untilWrites(5);
    expect(partitions()).toEqual([[0, 1], [2], [0], [1], [3]]);
  });

  it("fail together, and the next ones are written", async () => {
    const done = [share(batch(0, 1)), share(batch(1, 1))];
    await untilWrites(1);
    writes[0]?.end.reject(new Error("away"));
    for (const promise of done) await expect(promise).rejects.toThrow("away");
    void share(batch(2, 1));
    await untilWrites(2);
  });
});
