import { PartitionFaultError } from "@fiberstream/kafka/partition-fault";
import type { LogIdentity, RecordBatch } from "@fiberstream/kafka/records";
import { inTransaction, query } from "@fiberstream/postgres/pool";
import { TransientError } from "@fiberstream/runtime/errors";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { openSampleDatabase, type SampleDatabase } from "../testing/sample-database.ts";
import { createStoredPositions, moveOffsets, readOffsets } from "./stored-offsets.ts";

const LOG: LogIdentity = { clusterId: "c", topicId: "t" };
const UNKNOWN: LogIdentity = { clusterId: "", topicId: "" };

let database: SampleDatabase;
/** What Kafka has. */
let kafka: { log: LogIdentity; starts: ReadonlyMap<number, bigint> } | undefined;
beforeAll(async () => {
  database = await openSampleDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.owner.query("TRUNCATE sink_offsets");
  warned.length = 0;
  kafka = { log: LOG, starts: new Map([1, 2, 3, 7].map((partition) => [partition, 0n])) };
});

const batch = (
  firstOffset: bigint,
  nextOffset: bigint,
  { partition = 1, log = LOG }: { partition?: number; log?: LogIdentity } = {},
): RecordBatch => ({
  topic: "t",
  partition,
  log,
  records: [],
  firstOffset,
  nextOffset,
  highWatermark: nextOffset,
});
const moveAll = (...batches: RecordBatch[]) =>
  inTransaction(database.pool, (client) => moveOffsets(client, batches));
const move = (firstOffset: bigint, nextOffset: bigint, log?: LogIdentity) =>
  moveAll(batch(firstOffset, nextOffset, { ...(log && { log }) }));
/** Where the partitions go on, rows made as a sink does that is given them. */
const warned: object[] = [];
const place = (partitions: readonly number[], log = LOG) =>
  createStoredPositions({
    pool: database.pool,
    topic: "t",
    logStarts: async () => {
      if (kafka === undefined) throw new TransientError("kafka", "away");
      return kafka;
    },
    log: { info: () => undefined, warn: (fields: object) => void warned.push(fields) },
  })(partitions, log);
const stored = async (partition = 1) => (await readOffsets(database.pool, "t")).get(partition);
const logOf = (partition: number) =>
  database.valueOf(
    "SELECT concat_ws('/', cluster_id, topic_id) FROM sink_offsets WHERE partition = $1",
    [partition],
  );

describe("stored offsets", () => {
  it("do not move for a partition that has none; once inserted, they start at its beginning", async () => {
    await expect(move(40n, 50n)).rejects.toMatchObject({ name: "TransientError" });
    await expect(move(0n, 50n)).rejects.toMatchObject({ name: "TransientError" });
    expect(await stored()).toBeUndefined();

    expect(await place([1])).toEqual(new Map([[1, 0n]]));
    await expect(move(40n, 50n)).rejects.toThrow("partition 1");
    await move(0n, 50n);
    await move(50n, 9_007_199_254_740_993n);
    expect(await stored()).toBe(9_007_199_254_740_993n);
  });

  it("keep the epoch of the last record, until somebody else moves them", async () => {
    await place([1]);
    await moveAll({ ...batch(0n, 50n), leaderEpoch: 3 });
    expect(await place([1])).toEqual(new Map([[1, { offset: 50n, leaderEpoch: 3 }]]));
    // As a sink of before does, or an operator.
    await database.owner.query("UPDATE sink_offsets SET next_offset = 60");
    expect(await place([1])).toEqual(new Map([[1, 60n]]));
    await moveAll({ ...batch(60n, 70n), leaderEpoch: 0 });
    expect(await place([1])).toEqual(new Map([[1, { offset: 70n, leaderEpoch: 0 }]]));
    await move(70n, 80n);
    expect(await place([1])).toEqual(new Map([[1, 80n]]));
  });

  it("do not move past records that the database has lost", async () => {
    await place([1]);
    await move(0n, 50n);
    await database.owner.query("DELETE FROM sink_offsets");
    await expect(move(50n, 60n)).rejects.toMatchObject({ name: "TransientError" });
    expect(await place([1])).toEqual(new Map([[1, 0n]]));
    await expect(move(50n, 60n)).rejects.toMatchObject({ name: "TransientError" });
    await move(0n, 60n);
    expect(await stored()).toBe(60n);
  });

  it("move for all partitions of a write, or for none", async () => {
    await place([2, 3, 7]);
    await moveAll(batch(0n, 10n, { partition: 7 }), batch(0n, 20n, { partition: 2 }));
    await moveAll(
      batch(20n, 30n, { partition: 2 }),
      batch(10n, 15n, { partition: 7 }),
      batch(0n, 1n, { partition: 3 }),
    );
    const stuck = moveAll(batch(15n, 16n, { partition: 7 }), batch(29n, 40n, { partition: 2 }));
    await expect(stuck).rejects.toThrow("partition 2");
    expect(await stored(7)).toBe(15n);
    expect(await stored(2)).toBe(30n);
  });

  it.each([
    [0n, 50n],
    [40n, 60n],
    [51n, 60n],
  ])("do not move for a batch from %d to %d if they are at 50", async (first, next) => {
    await place([1]);
    await move(0n, 50n);
    await expect(move(first, next)).rejects.toMatchObject({ name: "TransientError" });
    expect(await stored()).toBe(50n);
  });

  it("wait briefly for another sink's lock; later statements have the server's timeout", async () => {
    await place([1]);
    await inTransaction(database.owner, async (owner) => {
      await owner.query("SELECT FROM sink_offsets FOR UPDATE");
      await expect(move(0n, 10n)).rejects.toMatchObject({
        name: "TransientError",
        message: expect.stringMatching(/55P03/) as unknown,
      });
    });
    const timeout = await inTransaction(database.pool, async (client) => {
      await moveOffsets(client, [batch(0n, 10n)]);
      return query(client, "SHOW lock_timeout");
    });
    expect(timeout).toEqual([{ lock_timeout: "0" }]);
  });

  it("move once for two sinks that have the same batch", async () => {
    await place([1]);
    await move(0n, 10n);
    const release = Promise.withResolvers<void>();
    const holds = Promise.withResolvers<void>();
    const owner = inTransaction(database.pool, async (client) => {
      await moveOffsets(client, [batch(10n, 30n)]);
      holds.resolve();
      await release.promise;
    });
    await holds.promise;
    const zombie = move(10n, 20n).then(
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
    expect(await stored()).toBe(30n);
  });
});

describe("a partition without a stored offset", () => {
  it("begins at the log start offset, and its row is inserted before anything is written", async () => {
    kafka = { log: LOG, starts: new Map([[1, 500n]]) };
    expect(await place([1])).toEqual(new Map([[1, 500n]]));
    expect(await stored()).toBe(500n);
    expect(warned).toEqual([{ topic: "t", from: { 1: "500" } }]);
    await expect(move(0n, 600n)).rejects.toMatchObject({ name: "TransientError" });
    await move(500n, 600n);
    // Retention goes on, and what is stored stays.
    kafka = { log: LOG, starts: new Map([[1, 550n]]) };
    expect(await place([1])).toEqual(new Map([[1, 600n]]));
  });

  it("has no position while its log start offset is not known, or is of another log", async () => {
    kafka = { log: LOG, starts: new Map([[2, 0n]]) };
    expect(await place([1, 2])).toEqual(new Map([[2, 0n]]));
    kafka = { log: { clusterId: "c", topicId: "anew" }, starts: new Map([[1, 0n]]) };
    expect(await place([1])).toEqual(new Map());
    expect(await stored()).toBeUndefined();
  });

  it("does not delay partitions that have one while Kafka is unavailable", async () => {
    await place([1]);
    kafka = undefined;
    expect(await place([1, 2])).toEqual(new Map([[1, 0n]]));
  });

  it("gets one row if two sinks start at the same moment", async () => {
    const placed = await Promise.all([1, 2, 3, 4].map(() => place([7, 3, 2, 1])));
    const expected = new Map([1, 2, 3, 7].map((partition) => [partition, 0n]));
    expect(placed).toEqual([expected, expected, expected, expected]);
  });

  it("gets a row whose commit waits for the disk, although the sink's other commits do not", async () => {
    await database.owner.query(`
      CREATE TABLE seen (mode text);
      CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
        $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
      CREATE TRIGGER see AFTER INSERT OR UPDATE ON sink_offsets FOR EACH ROW EXECUTE FUNCTION see()`);
    await place([1]);
    expect(await database.valueOf("DELETE FROM seen RETURNING mode")).toBe("on");
    await move(0n, 10n);
    expect(await database.valueOf("SELECT mode FROM seen")).toBe("off");
    await database.owner.query("DROP FUNCTION see CASCADE; DROP TABLE seen");
  });
});

describe("the log of stored offsets", () => {
  const anew: LogIdentity = { clusterId: "c", topicId: "anew" };
  const elsewhere: LogIdentity = { clusterId: "elsewhere", topicId: "t" };

  it("is stored with them", async () => {
    await place([1]);
    expect(await logOf(1)).toBe("c/t");
  });

  it.each([
    ["a recreated topic", anew],
    ["another cluster", elsewhere],
  ])("is not %s: nothing is written, and the partition stops", async (_, other) => {
    await place([1, 2]);
    await move(0n, 50n);
    await expect(move(50n, 60n, other)).rejects.toMatchObject({ name: "TransientError" });
    const positions = await place([1], other);
    const fault = positions.get(1);
    expect(fault).toBeInstanceOf(PartitionFaultError);
    expect(fault).toMatchObject({
      reason: expect.stringMatching(
        /the stored offset 50 of partition 1 of t belongs to another log/,
      ) as unknown,
      advice: expect.stringMatching(/sink accept-log/) as unknown,
    });
    expect(await place([1])).toEqual(new Map([[1, 50n]]));
  });

  it("is not compared if it is not known", async () => {
    await place([1], UNKNOWN);
    expect(await logOf(1)).toBe("");
    await move(0n, 10n, UNKNOWN);
    await move(10n, 20n, LOG);
    expect(await logOf(1)).toBe("c/t");
    await move(20n, 30n, UNKNOWN);
    expect(await place([1], UNKNOWN)).toEqual(new Map([[1, 30n]]));
  });

  it("is added to a row of an earlier version when its partition is assigned", async () => {
    await database.owner.query(
      "INSERT INTO sink_offsets (topic, partition, next_offset) VALUES ('t', 1, 50)",
    );
    expect(await place([1])).toEqual(new Map([[1, 50n]]));
    expect(await logOf(1)).toBe("c/t");
    expect((await place([1], anew)).get(1)).toBeInstanceOf(PartitionFaultError);
  });
});
