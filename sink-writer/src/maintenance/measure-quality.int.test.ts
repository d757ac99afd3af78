import { query } from "@fiberstream/postgres/pool";
import { createLog } from "@fiberstream/runtime/log";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import { openSampleDatabase, type SampleDatabase } from "../testing/sample-database.ts";
import { measureQuality, QUALITY_LIMITS } from "./measure-quality.ts";
import { createQualityMetrics } from "./quality-metrics.ts";
import { MEASURE_NODES } from "./quality-sql.ts";

const DAY_MS = 86_400_000;
const dayBefore = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString().slice(0, 10);
/** Over for good, and the day before it. */
const DAY = dayBefore(5);
const EVE = dayBefore(6);

const log = createLog({ service: "test", level: "silent", format: "json" });
let database: SampleDatabase;
beforeAll(async () => {
  database = await openSampleDatabase();
});
afterAll(() => database.close());

/** Events of a day each `every` seconds from one hour to another, but for some hours. */
type Rhythm = {
  readonly every?: number;
  readonly from?: number;
  readonly to?: number;
  readonly without?: string;
  /** From an event's time to its being received, s; `place` is the event's number. */
  readonly delay?: string;
  readonly latency?: string;
  readonly probeType?: string;
  readonly target?: string;
  readonly day?: string;
};

async function send(node: string, rhythm: Rhythm = {}): Promise<void> {
  const { every = 60, from = 0, to = 24, day = DAY, probeType = "ping" } = rhythm;
  const { without = "false", delay = "0.1", latency = "5", target = "NULL" } = rhythm;
  await database.owner.query(
    `INSERT INTO nodes (node_id, status, last_seen_at) VALUES ($1, 'reporting', now())
     ON CONFLICT DO NOTHING`,
    [node],
  );
  await database.owner.query(
    `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id,
                          tenant, country, region, probe_type, target_host, enrichment_status, quality)
     SELECT time, time + (${delay}) * interval '1 s', ${latency}, 100, 0, gen_random_uuid(), $1,
            'default', 'GH', 'r', $2, ${target}, 'complete', CASE WHEN (${delay}) > 3600 THEN 'late' ELSE 'good' END
     FROM (
       SELECT $3::timestamp AT TIME ZONE 'UTC' + place * $4 * interval '1 s' AS time, place,
              place * $4 / 3600 AS hour
       FROM generate_series(0, 86399 / $4::int) AS place
     ) AS events
     WHERE hour >= $5 AND hour < $6 AND NOT (${without})`,
    [node, probeType, day, every, from, to],
  );
}

const NODES = [
  "regular",
  "gappy",
  "jittery",
  "begun",
  "stopped",
  "late",
  "ahead",
  "ranges",
  "sparse",
  "two",
  "silent",
  "deleted",
];
const endOf = (day: string) => new Date(Date.parse(day) + DAY_MS);
const measure = (day: string) => query(database.pool, MEASURE_NODES, [NODES, day, endOf(day)]);
const rowOf = async (node: string, day = DAY) => {
  const [row] = await query<Record<string, unknown>>(
    database.owner,
    `SELECT events::int, expected::int, interval_s, gaps::int, longest_gap_s, late::int, ahead::int,
            delay_min_ms, delay_max_ms, out_of_range::int, repeats::int
     FROM metric_quality_daily WHERE node_id = $1 AND day = $2`,
    [node, day],
  );
  return row;
};

describe("the quality of a day", () => {
  beforeAll(async () => {
    await send("regular");
    await send("gappy", { without: "hour >= 6 AND hour < 8" });
    await send("jittery", { delay: "place % 7", without: "place % 10 = 9" });
    await send("begun", { from: 12 });
    for (const node of ["stopped", "silent", "deleted"]) await send(node, { day: EVE });
    await send("stopped", { to: 18 });
    await database.owner.query("UPDATE nodes SET status = 'deleted' WHERE node_id = 'deleted'");
    await send("late", { delay: "CASE WHEN place % 48 = 0 THEN 7200 ELSE 0.1 END" });
    await send("ahead", { delay: "-4" });
    await send("ranges", { latency: "CASE WHEN place < 3 THEN 20000 ELSE 5 END" });
    await send("sparse", { every: 17_280 });
    await send("two");
    await send("two", { probeType: "http", every: 300, to: 12 });
    await measure(EVE);
    await measure(DAY);
  });

  it.each([
    ["regular", { events: 1_440, expected: 1_440, interval_s: 60, gaps: 0, longest_gap_s: 60 }],
    ["gappy", { events: 1_320, expected: 1_440, gaps: 1, longest_gap_s: 7_260 }],
    // Each tenth is missing, which is no gap yet.
    ["jittery", { events: 1_296, expected: 1_440, gaps: 0, longest_gap_s: 120 }],
    ["begun", { events: 720, expected: 720, gaps: 0 }],
    ["stopped", { events: 1_080, expected: 1_440, gaps: 1, longest_gap_s: 21_660 }],
    ["silent", { events: 0, expected: 1_440, gaps: 1, longest_gap_s: 86_400 }],
    ["late", { events: 1_440, late: 30, delay_max_ms: 7_200_000, ahead: 0 }],
    ["ahead", { ahead: 1_440, late: 0, delay_min_ms: -4_000 }],
    ["ranges", { events: 1_440, out_of_range: 3 }],
    ["sparse", { events: 5, expected: null, interval_s: null }],
    ["two", { events: 1_440 + 144, expected: 1_440 + 288, interval_s: 60, gaps: 1 }],
  ])("of the node %s has the expected values", async (node, expected) => {
    expect(await rowOf(node)).toMatchObject(expected);
  });

  it("is not measured for a deleted node, and no longer for one that stays silent", async () => {
    expect(await rowOf("deleted")).toBeUndefined();
    const next = dayBefore(4);
    await measure(next);
    expect(await rowOf("silent", next)).toBeUndefined();
    expect(await rowOf("regular", next)).toMatchObject({ events: 0, expected: 1_440 });
  });

  it("is measured in time if a node has thousands of targets", async () => {
    await send("scattered", { every: 1, target: "'host-' || place / 10" });
    await query(database.pool, MEASURE_NODES, [["scattered"], DAY, endOf(DAY)]);
    expect(await rowOf("scattered")).toMatchObject({ events: 86_400, interval_s: 1 });
  });

  it("expects few events from an interval that was seen only for a moment", async () => {
    await send("hasty", { every: 86_400 });
    await database.owner.query(
      `INSERT INTO metrics
       SELECT (jsonb_populate_record(metrics, jsonb_build_object(
         'time', time + place * interval '1 microsecond', 'event_id', gen_random_uuid()))).*
       FROM metrics, generate_series(1, 9) AS place WHERE node_id = 'hasty'`,
    );
    await query(database.pool, MEASURE_NODES, [["hasty"], DAY, endOf(DAY)]);
    // As if they had been sent over 10 minutes, and then no more.
    expect(await rowOf("hasty")).toMatchObject({ events: 10, expected: 1_440 });
  });

  it("counts the gaps of each target by its own interval", async () => {
    const without = "place BETWEEN 600 AND 610";
    for (const target of ["NULL", "''", "'a'"]) await send("targets", { target, without });
    await send("targets", { target: "'b'", every: 600, without });
    await query(database.pool, MEASURE_NODES, [["targets"], DAY, endOf(DAY)]);
    expect(await rowOf("targets")).toMatchObject({ gaps: 3, events: 3 * (1_440 - 11) + 144 });
  });

  it("is the same when it is measured again, and keeps the duplicates that were counted", async () => {
    await database.owner.query(
      "UPDATE metric_quality_daily SET repeats = 7 WHERE node_id = 'gappy' AND day = $1",
      [DAY],
    );
    const before = await rowOf("gappy");
    await measure(DAY);
    expect(await rowOf("gappy")).toEqual({ ...before, repeats: 7 });
  });
});

describe("measuring", () => {
  it("measures all nodes of each day that is due, in batches, and then pauses", async () => {
    await database.owner.query(
      "INSERT INTO nodes (node_id) SELECT 'idle-' || place FROM generate_series(1, 120) AS place",
    );
    await send("fresh", { day: dayBefore(1), without: "hour < 6" });
    let batches = 0;
    while (await measureQuality(database.pool, { log })) batches++;
    const nodes = Number(await database.valueOf("SELECT count(*) FROM nodes"));
    const perDay = Math.floor(nodes / QUALITY_LIMITS.nodesPerBatch) + 1;
    expect(perDay).toBeGreaterThan(5);
    // Today is a day as soon as its first 10 minutes are over.
    expect([2 * perDay, 3 * perDay]).toContain(batches);
    expect(await rowOf("fresh", dayBefore(1))).toMatchObject({ events: 1_080, expected: 1_080 });
    const days = await query(
      database.owner,
      "SELECT day FROM metric_quality_days WHERE finished_at IS NOT NULL AND next_node IS NULL",
    );
    expect(days).toHaveLength(batches / perDay);
  });

  it("measures a day again after its end, and drops days past their retention", async () => {
    await database.owner.query(
      `UPDATE metric_quality_days SET started_at = day::timestamp AT TIME ZONE 'UTC' + interval '1 hour'
       WHERE day = $1`,
      [dayBefore(1)],
    );
    await database.owner.query(
      "INSERT INTO metric_quality_daily (day, node_id) VALUES (now()::date - 1000, 'old')",
    );
    let batches = 0;
    while (await measureQuality(database.pool, { log })) batches++;
    // Within 10 minutes of midnight yesterday is not due again yet.
    if (batches > 0) expect(await rowOf("old", dayBefore(1_000))).toBeUndefined();
  });

  it("is exported as metrics of all nodes together", async () => {
    const registry = new Registry();
    const metrics = createQualityMetrics(registry);
    await metrics.refresh(database.pool);
    const text = await registry.metrics();
    expect(text).toContain('fiberstream_quality_events{day="yesterday",kind="received"} 1080');
    expect(text).toContain('fiberstream_quality_events{day="yesterday",kind="expected"} 1080');
    expect(text).toContain('fiberstream_quality_incomplete_nodes{day="yesterday"} 0');
  });

  it("measures no more rows in a statement than it has time for, and finishes the day", async () => {
    await database.owner.query(
      "TRUNCATE metric_quality_daily, metric_quality_days; DELETE FROM metrics; DELETE FROM nodes",
    );
    for (const node of ["m1", "m2", "m3"]) await send(node, { day: dayBefore(1) });
    await send("m4-many", { day: dayBefore(1), every: 20 });
    await send("m5-too-many", { day: dayBefore(1), every: 10 });
    await send("m6", { day: dayBefore(1) });
    const limits = { nodesPerBatch: 20, rowsPerBatch: 3_000, maxRowsOfNode: 5_000 };
    const skipped: unknown[] = [];
    const warn = (fields: unknown) => void skipped.push(fields);
    while (await measureQuality(database.pool, { limits, log: { warn } }));
    const rows = await query<{ node_id: string; events: number }>(
      database.owner,
      "SELECT node_id, events::int FROM metric_quality_daily WHERE day = $1 AND events > 0 ORDER BY 1",
      [dayBefore(1)],
    );
    expect(rows.map(({ node_id, events }) => [node_id, events])).toEqual([
      ["m1", 1_440],
      ["m2", 1_440],
      ["m3", 1_440],
      ["m4-many", 4_320],
      ["m6", 1_440],
    ]);
    expect(skipped).toEqual([{ day: dayBefore(1), nodeId: "m5-too-many" }]);
  });
});
