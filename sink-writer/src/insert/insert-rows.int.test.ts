import { inTransaction, query } from "@fiberstream/postgres/pool";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { createRecentEvents, type RecentEvents } from "../rows/recent-events.ts";
import { createRepeatingNodes } from "../rows/repeating-nodes.ts";
import { openSampleDatabase, type SampleDatabase } from "../testing/sample-database.ts";
import { rowsOf, sampleEvent, sampleSchema } from "../testing/sample-rows.ts";
import { readTableLayout, type TableLayout } from "../tuples/table-layout.ts";
import { createInsertRows, type InsertResult, type InsertRows } from "./insert-rows.ts";

let database: SampleDatabase;
let layout: TableLayout;
let insertRows: InsertRows;
beforeAll(async () => {
  database = await openSampleDatabase();
  layout = await readTableLayout(database.pool, sampleSchema);
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.owner.query("TRUNCATE metrics, metric_conflicts, metric_quality_daily");
  insertRows = createInsertRows({ layout, countBytes: () => {} });
});

const landSorted = async (events: readonly EnrichedProbeMetric[], recent: RecentEvents) => {
  const rows = await rowsOf(events, layout, recent);
  const inserted = await inTransaction(database.pool, (client) => insertRows(client, rows));
  return inserted.map(({ result }) => result);
};
/** As after a restart, when nothing is known to be a repeat. */
const knowsNothing: RecentEvents = { addAndTest: () => false, forget: () => undefined };
const land = async (events: readonly EnrichedProbeMetric[]) =>
  (await landSorted(events, knowsNothing))[0] ?? nothing;
const stored = () => database.valueOf("SELECT count(*)::int FROM metrics");
const nothing: InsertResult = {
  copied: 0,
  staged: 0,
  repeats: 0,
  conflicts: 0,
  leftOut: [],
  inConflict: [],
  erased: new Set(),
  refused: new Map(),
};

describe("inserted rows", () => {
  it("copies rows that are new", async () => {
    const rows = Array.from({ length: 3_000 }, () => sampleEvent());
    expect(await land(rows)).toEqual({ ...nothing, copied: 3_000 });
    expect(await stored()).toBe(3_000);
    expect(await land([])).toEqual(nothing);
  });

  it("shows rows without a node in the view that adds the nodes' data", async () => {
    const node_id = "deleted";
    await land([sampleEvent({ node_id }), sampleEvent({ node_id })]);
    const view =
      "SELECT count(*)::int FROM metrics_enriched WHERE node_id = $1 AND node_status IS NULL";
    expect(await database.valueOf(view, [node_id])).toBe(2);
  });

  it("leaves duplicates out, also those within a batch", async () => {
    const old = sampleEvent();
    await land([old]);
    const unseen = sampleEvent();
    expect(await land([unseen, old, unseen])).toEqual({
      ...nothing,
      staged: 1,
      repeats: 2,
      leftOut: [1, 2],
    });
    expect(await stored()).toBe(2);
    expect(await database.valueOf("SELECT count(*)::int FROM metric_conflicts")).toBe(0);
    const repeats = `SELECT repeats::int FROM metric_quality_daily
       WHERE node_id = $1 AND day = (to_timestamp($2 / 1e6) AT TIME ZONE 'UTC')::date`;
    expect(await database.valueOf(repeats, [old.node_id, old.timestamp])).toBe(2);
  });

  it("copies new rows while known duplicates are staged", async () => {
    const recent = createRecentEvents();
    const [old, unseen, conflict] = [sampleEvent(), sampleEvent(), sampleEvent()];
    await landSorted([old, conflict], recent);
    const mixed = [unseen, old, unseen, { ...conflict, latency_ms: 1 }];
    expect(await landSorted(mixed, recent)).toEqual([
      { ...nothing, copied: 1 },
      { ...nothing, repeats: 2, conflicts: 1, leftOut: [0, 1, 2], inConflict: [2] },
    ]);
    // A write that was seen but came to nothing is written all the same.
    await database.owner.query("TRUNCATE metrics");
    expect(await landSorted([old], recent)).toEqual([{ ...nothing, staged: 1 }]);
    expect(await landSorted([sampleEvent()], recent)).toEqual([{ ...nothing, copied: 1 }]);
  });

  it("uses the staging table first after duplicates, and COPY again after a write without any", async () => {
    const old = sampleEvent();
    await land([old]);
    await land([old, sampleEvent()]);
    expect(await land([sampleEvent()])).toEqual({ ...nothing, staged: 1 });
    expect(await land([sampleEvent()])).toEqual({ ...nothing, copied: 1 });
  });

  it("stages only the rows of a node that is known to send duplicates", async () => {
    const repeating = createRepeatingNodes();
    insertRows = createInsertRows({ layout, countBytes: () => {}, repeating });
    const old = sampleEvent({ node_id: "repeats" });
    const others = () => Array.from({ length: 8 }, () => sampleEvent());
    const landNext = async (events: readonly EnrichedProbeMetric[]) => {
      const rows = await rowsOf(events, layout, knowsNothing, repeating);
      const inserted = await inTransaction(database.pool, (client) => insertRows(client, rows));
      return inserted.map(({ result }) => result);
    };
    await landNext([old]);
    expect(await landNext([...others(), old])).toMatchObject([{ staged: 8, repeats: 1 }]);
    const its = sampleEvent({ node_id: "repeats" });
    expect(await landNext([old, ...others(), its])).toMatchObject([
      { copied: 8, staged: 0 },
      { copied: 0, staged: 1, repeats: 1 },
    ]);
    expect(await landNext(others())).toMatchObject([{ copied: 8 }]);
    // A topic that is read again makes no node one that repeats.
    const crowd = others();
    insertRows = createInsertRows({ layout, countBytes: () => {}, repeating });
    await landNext(crowd);
    expect(await landNext(crowd)).toMatchObject([{ repeats: 8 }]);
    expect(repeating.has(crowd[0]?.node_id ?? "")).toBe(false);
  });

  it("uses the staging table first while COPY often fails because of a few duplicates, whichever nodes they are of", async () => {
    const old = Array.from({ length: 8 }, () => sampleEvent());
    for (const event of old) await land([event, sampleEvent()]);
    const others = () => Array.from({ length: 8 }, () => sampleEvent());
    insertRows = createInsertRows({ layout, countBytes: () => {} });
    for (const event of old) {
      expect(await land([...others(), event])).toMatchObject({ staged: 8, repeats: 1 });
    }
    // A COPY that fails costs more than all that the staging table costs.
    expect(await land(others())).toMatchObject({ copied: 0, staged: 8 });
    const results: InsertResult[] = [];
    for (let write = 0; write < 16; write++) results.push(await land(others()));
    expect(results.at(-1)).toMatchObject({ copied: 8, staged: 0 });
    // A single repeat changes nothing for the next write.
    await land([...others(), ...old.slice(0, 1)]);
    expect(await land(others())).toMatchObject({ copied: 8 });
  });

  it("stores an event that comes again with other content as a conflict, with both versions and their origin", async () => {
    const first = sampleEvent({ latency_ms: 1, metadata: null });
    const laterReceived = {
      ...first,
      received_at: first.received_at + 1,
      quality: "late" as const,
    };
    const other = { ...first, latency_ms: 2 };
    const unlike = { ...first, metadata: "{}" };
    await land([first]);
    const seen = [laterReceived, other, sampleEvent(), unlike];
    expect(await land(seen)).toEqual({
      ...nothing,
      staged: 1,
      repeats: 1,
      conflicts: 2,
      leftOut: [0, 1, 3],
      inConflict: [1, 3],
    });
    expect(
      await query(
        database.pool,
        `SELECT event_id, topic, partition, record_offset, stored->'latency_ms' AS stored,
                received->'latency_ms' AS received, received->'metadata' AS metadata
         FROM metric_conflicts ORDER BY record_offset`,
      ),
    ).toEqual([
      {
        event_id: first.event_id,
        topic: "t",
        partition: 3,
        record_offset: "101",
        stored: 1,
        received: 2,
        metadata: null,
      },
      {
        event_id: first.event_id,
        topic: "t",
        partition: 3,
        record_offset: "103",
        stored: 1,
        received: 1,
        metadata: {},
      },
    ]);
    // Read again, they are repeats: a conflict is kept once.
    expect(await land(seen)).toEqual({ ...nothing, repeats: 4, leftOut: [0, 1, 2, 3] });
    expect(
      await database.valueOf("SELECT latency_ms FROM metrics WHERE event_id = $1", [
        first.event_id,
      ]),
    ).toBe(1);
  });

  it("isolates rows that PostgreSQL rejects, and writes the rest", async () => {
    const events = Array.from({ length: 200 }, () => sampleEvent());
    const culprits: [number, EnrichedProbeMetric, string][] = [
      [0, sampleEvent({ node_id: "n".repeat(51) }), "22001"],
      [77, sampleEvent({ region: "a\0b" }), "22021"],
      [78, sampleEvent({ metadata: '{"token":"secret' }), "22P02"],
      [150, sampleEvent({ node_id: "" }), "23514"],
      [204, sampleEvent({ metadata: '{"a":"\\u0000"}' }), "22P05"],
    ];
    for (const [place, event] of culprits) events.splice(place, 0, event);

    const result = await land(events);
    expect(result).toMatchObject({ copied: 200, staged: 0, repeats: 0, conflicts: 0 });
    expect([...result.refused.keys()]).toEqual(culprits.map(([place]) => place));
    for (const [place, , sqlState] of culprits) {
      const deadLetter = result.refused.get(place);
      expect(deadLetter?.record.offset).toBe(String(100 + place));
      expect(deadLetter?.reason.failureClass).toBe("row-refused");
      expect(deadLetter?.reason.message).toContain(`SQLSTATE ${sqlState}`);
      expect(deadLetter?.reason.message).not.toContain("secret");
    }
    expect(await stored()).toBe(200);
  });

  it("finds one bad row among 5,000 in 26 attempts", async () => {
    const events = Array.from({ length: 5_000 }, () => sampleEvent());
    events[3_210] = sampleEvent({ region: "a\0b" });
    const rows = await rowsOf(events, layout);
    let copies = 0;
    await inTransaction(database.pool, async (client) => {
      const counting = createInsertRows({ layout, countBytes: () => void copies++ });
      await counting(client, rows);
    });
    // Of the halves at each of 13 steps one is written whole.
    expect(copies).toBeLessThanOrEqual(13);
    expect(await stored()).toBe(4_999);
  });

  it("isolates rejected rows also in a batch that has duplicates", async () => {
    const old = Array.from({ length: 10 }, () => sampleEvent());
    await land(old);
    const rows = [...old, sampleEvent(), sampleEvent({ region: "a\0b" }), sampleEvent()];
    const result = await land(rows);
    expect(result.copied + result.staged).toBe(2);
    expect(result.repeats).toBe(10);
    expect([...result.refused.keys()]).toEqual([11]);
    expect(await stored()).toBe(12);
  });

  it("distinguishes a missing table from a bad row", async () => {
    const away = inTransaction(database.pool, async (client) => {
      await client.query("DROP TABLE metrics CASCADE");
      return insertRows(client, await rowsOf([sampleEvent()], layout));
    });
    await expect(away).rejects.toMatchObject({ name: "FatalError" });
    expect(await stored()).toBe(0);
  });
});
