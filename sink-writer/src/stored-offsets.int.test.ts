import type { RecordBatch } from "@fiberstream/kafka/records";
import { inTransaction } from "@fiberstream/postgres/pool";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { moveOffsets, storedPosition } from "./stored-offsets.ts";
import { openSampleDatabase, type SampleDatabase } from "./testing/sample-database.ts";

let database: SampleDatabase;
beforeAll(async () => {
  database = await openSampleDatabase();
});
afterAll(() => database.close());
beforeEach(() => database.owner.query("TRUNCATE sink_offsets"));

const batch = (firstOffset: bigint, nextOffset: bigint, partition = 1): RecordBatch => ({
  topic: "t",
  partition,
  log: { clusterId: "c", topicId: "t" },
  records: [],
  firstOffset,
  nextOffset,
  highWatermark: nextOffset,
});
const move = (firstOffset: bigint, nextOffset: bigint) =>
  inTransaction(database.pool, (client) => moveOffsets(client, [batch(firstOffset, nextOffset)]));
const position = () => storedPosition(database.pool, "t", 1);

describe("stored offsets", () => {
  it("begin wherever the first batch begins, then move from batch to batch", async () => {
    expect(await position()).toBe(0n);
    await move(40n, 50n);
    expect(await position()).toBe(50n);
    await move(50n, 9_007_199_254_740_993n);
    expect(await position()).toBe(9_007_199_254_740_993n);
    expect(await storedPosition(database.pool, "t", 2)).toBe(0n);
  });

  it("move for several partitions at once, or for none of them", async () => {
    const moveAll = (...batches: RecordBatch[]) =>
      inTransaction(database.pool, (client) => moveOffsets(client, batches));
    await moveAll(batch(5n, 10n, 7), batch(0n, 20n, 2));
    await moveAll(batch(20n, 30n, 2), batch(10n, 15n, 7), batch(0n, 1n, 3));
    await expect(moveAll(batch(15n, 16n, 7), batch(29n, 40n, 2))).rejects.toThrow("partition 2");
    expect(await storedPosition(database.pool, "t", 7)).toBe(15n);
    expect(await storedPosition(database.pool, "t", 2)).toBe(30n);
  });

  it.each([
    [0n, 50n],
    [40n, 60n],
    [51n, 60n],
  ])("do not move for a batch from %d to %d when they stand at 50", async (first, next) => {
    await move(0n, 50n);
    await expect(move(first, next)).rejects.toMatchObject({ name: "TransientError" });
    expect(await position()).toBe(50n);
  });

  it.each(["at the very first batch", "later"])(
    "move once for two that have the same batch, %s",
    async (when) => {
      const first = when === "later" ? 10n : 0n;
      if (when === "later") await move(0n, 10n);
      const release = Promise.withResolvers<void>();
      const holds = Promise.withResolvers<void>();
      const owner = inTransaction(database.pool, async (client) => {
        await moveOffsets(client, [batch(first, 30n)]);
        holds.resolve();
        await release.promise;
      });
      await holds.promise;
      const zombie = move(first, 20n).then(
        () => "moved",
        (error: Error) => error.name,
      );
      await until(
        () =>
          database.valueOf(
            "SELECT true FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
          ),
        { what: "the second waits for the first" },
      );
      release.resolve();
      await owner;
      expect(await zombie).toBe("TransientError");
      expect(await position()).toBe(30n);
    },
  );
});
