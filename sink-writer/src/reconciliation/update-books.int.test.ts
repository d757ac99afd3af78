import type { RecordBatch } from "@fiberstream/kafka/records";
import { inTransaction } from "@fiberstream/postgres/pool";
import { ok } from "@fiberstream/runtime/outcome";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { createInsertRows, type InsertRows } from "../insert/insert-rows.ts";
import { createRecentEvents } from "../rows/recent-events.ts";
import { createRowBuffer } from "../rows/row-buffer.ts";
import { createReadRows } from "../rows/row-reader.ts";
import { openSampleDatabase, type SampleDatabase } from "../testing/sample-database.ts";
import {
  batchOf,
  recordOf,
  sampleEvent,
  sampleSchema,
  sampleType,
} from "../testing/sample-rows.ts";
import { readTableLayout, type TableLayout } from "../tuples/table-layout.ts";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { updateBooks } from "./update-books.ts";

let database: SampleDatabase;
let layout: TableLayout;
let insertRows: InsertRows;
beforeAll(async () => {
  database = await openSampleDatabase();
  layout = await readTableLayout(database.pool, readAvroSchema("EnrichedProbeMetric"));
});
afterAll(() => database.close());
beforeEach(async () => {
  insertRows = createInsertRows({ layout, countBytes: () => undefined });
  await database.owner.query(
    "TRUNCATE metrics, metric_conflicts, reconciliation_books, reconciliation_positions, reconciliation_breaks",
  );
});

const MINUTE_US = 60_000_000;
const minute = (number: number) => 29_000_000 * MINUTE_US + number * MINUTE_US;
const eventIn = (number: number, change: Partial<EnrichedProbeMetric> = {}) =>
  sampleEvent({ received_at: minute(number) + 1, ...change });
const garbage = (offset: number) => ({
  offset: String(offset),
  key: null,
  value: Buffer.from("garbage"),
  timestamp: String(minute(1) / 1_000),
});

/** Writes as the sink does, from `firstOffset` on; "garbage" is no event. */
async function write(
  events: readonly (EnrichedProbeMetric | "garbage")[],
  place: { partition?: number; firstOffset?: bigint } = {},
): Promise<void> {
  const { partition = 3, firstOffset = 0n } = place;
  const records = events.map((event, index) =>
    event === "garbage"
      ? garbage(Number(firstOffset) + index)
      : recordOf(sampleType.toBuffer(event), 1, Number(firstOffset) + index),
  );
  await writeBatches([batchOf(records, { partition, firstOffset })]);
}

async function writeBatches(batches: readonly RecordBatch[]): Promise<void> {
  const rows = {
    unseen: createRowBuffer({ initialBytes: 16, initialRows: 1 }),
    seen: createRowBuffer({ initialBytes: 16, initialRows: 1 }),
  };
  const readRows = createReadRows({
    registry: { writerType: async () => ok(sampleType) },
    readerSchema: sampleSchema,
    layout,
    recent: createRecentEvents(),
  });
  const dead = await readRows(batches, rows);
  await inTransaction(database.pool, async (client) => {
    const inserted = await insertRows(client, rows);
    await updateBooks(client, { batches, inserted, dead });
  });
}

const books = async () => {
  const { rows } = await database.owner.query<Record<string, string | number>>(
    `SELECT partition, (extract(epoch FROM minute) / 60)::integer - 29000000 AS minute,
            read_count::int AS read, written_count::int AS written, left_out_count::int AS "leftOut",
            conflicts::int, refused::int, dead::int, rewritten::int
     FROM reconciliation_books ORDER BY 1, 2`,
  );
  return rows;
};
const breaks = async () => {
  const { rows } = await database.owner.query<Record<string, string | number>>(
    `SELECT partition, kind, from_offset::int AS from, to_offset::int AS to
     FROM reconciliation_breaks ORDER BY 1, 3`,
  );
  return rows;
};
const position = () =>
  database.valueOf("SELECT next_offset::int FROM reconciliation_positions WHERE partition = 3");
const book = (number: number, counts: Record<string, number>) => ({
  partition: 3,
  minute: number,
  read: 0,
  written: 0,
  leftOut: 0,
  conflicts: 0,
  refused: 0,
  dead: 0,
  rewritten: 0,
  ...counts,
});

/** The digest of what a minute's book says is written is that of the rows of the minute. */
async function expectBooksLikeTable(): Promise<void> {
  const { rows } = await database.owner.query(
    `WITH hashes AS (
       SELECT date_trunc('minute', received_at) AS minute,
              uuid_hash_extended(event_id, 0) AS hash
       FROM metrics
     ), stored AS (
       SELECT minute, count(*) AS count, bit_xor(hash) AS xor,
              mod(sum(hash::numeric + CASE WHEN hash < 0 THEN 18446744073709551616 ELSE 0 END),
                  18446744073709551616) AS sum
       FROM hashes GROUP BY minute
     ), booked AS (
       SELECT minute, sum(written_count) AS count, bit_xor(written_xor) AS xor,
              mod(sum(written_sum), 18446744073709551616) AS sum
       FROM reconciliation_books GROUP BY minute HAVING sum(written_count) > 0
     )
     SELECT * FROM stored FULL JOIN booked USING (minute, count, xor, sum)
     WHERE stored IS NULL OR booked IS NULL`,
  );
  expect(rows).toEqual([]);
}

describe("the sink's books", () => {
  it("count each event in its minute, by its result", async () => {
    const old = eventIn(1);
    await write([old, eventIn(1), eventIn(2)]);
    await write(
      [old, eventIn(2), { ...old, latency_ms: 1 }, eventIn(2, { metadata: "{" }), "garbage"],
      { firstOffset: 3n },
    );
    expect(await books()).toEqual([
      book(1, { read: 4, written: 2, leftOut: 2, conflicts: 1, dead: 1 }),
      book(2, { read: 3, written: 2, leftOut: 1, refused: 1 }),
    ]);
    await expectBooksLikeTable();
    expect([await position(), await breaks()]).toEqual([8, []]);
  });

  it("count batches of several partitions separately", async () => {
    const batch = (partition: number, offset: number) =>
      batchOf([recordOf(sampleType.toBuffer(eventIn(1)), 1, offset)], {
        partition,
        firstOffset: BigInt(offset),
      });
    await writeBatches([batch(3, 0), batch(4, 0)]);
    await writeBatches([batch(3, 1), batch(5, 0)]);
    expect((await books()).map((row) => [row["partition"], row["written"]])).toEqual([
      [3, 2],
      [4, 1],
      [5, 1],
    ]);
    await expectBooksLikeTable();
  });

  it("count records that are read again once, and the rows that are rewritten", async () => {
    const first = [eventIn(1), eventIn(1), eventIn(2)];
    await write(first);
    await write(first);
    expect(await books()).toEqual([
      book(1, { read: 2, written: 2 }),
      book(2, { read: 1, written: 1 }),
    ]);
    await database.owner.query("DELETE FROM metrics WHERE event_id = $1", [first[0]?.event_id]);
    await write([...first, eventIn(2)]);
    expect(await books()).toEqual([
      book(1, { read: 2, written: 2, rewritten: 1 }),
      book(2, { read: 2, written: 2 }),
    ]);
    await expectBooksLikeTable();
    expect([await position(), await breaks()]).toEqual([4, []]);
  });

  it("name skipped offsets, until those are read", async () => {
    const events = Array.from({ length: 9 }, () => eventIn(1));
    await write(events.slice(0, 2));
    await write(events.slice(6, 7), { firstOffset: 6n });
    expect(await breaks()).toEqual([{ partition: 3, kind: "skipped", from: 2, to: 6 }]);
    await write(events.slice(3, 5), { firstOffset: 3n });
    expect(await breaks()).toEqual([
      { partition: 3, kind: "skipped", from: 2, to: 3 },
      { partition: 3, kind: "skipped", from: 5, to: 6 },
    ]);
    await write(events.slice(0, 9));
    expect(await breaks()).toEqual([]);
    expect(await books()).toEqual([book(1, { read: 9, written: 9 })]);
    await expectBooksLikeTable();
  });

  it("begin at the sink's offset, and are marked as incomplete before it", async () => {
    await write([eventIn(1), eventIn(2)], { firstOffset: 40n });
    const { rows } = await database.owner.query(
      "SELECT extract(epoch FROM complete_after)::int / 60 - 29000000 AS after FROM reconciliation_positions",
    );
    expect(rows).toEqual([{ after: 2 }]);
    expect(await breaks()).toEqual([]);
  });
});
