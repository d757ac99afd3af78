import { createTestDatabase, type TestDatabase } from "@fiberstream/testkit/database";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import pg from "pg";
import { NO_DIFFERENCES } from "./testing/rollup-differences.ts";
import { createModel, differencesAfter, resetModel } from "./testing/rollup-model.ts";
import { anyRun, KEPT_LONG } from "./testing/rollup-steps.ts";
import { eraseSealed, retain, settle, type Sql } from "./testing/rollup-work.ts";

let database: TestDatabase;
let client: pg.Client;
const sql: Sql = async (text, values) =>
  (await client.query<Record<string, unknown>>(text, values)).rows;
beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query("SET TimeZone = 'UTC'");
  await createModel(sql);
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

describe("roll-ups", () => {
  it("say what the rows say, after late, repeated, deleted, changed, restored and dropped rows", async () => {
    let dropped = 0;
    await fc.assert(
      fc.asyncProperty(anyRun, async (run) => {
        const found = await differencesAfter(sql, run);
        dropped += found.dropped;
        expect(found).toEqual({
          before: NO_DIFFERENCES,
          after: NO_DIFFERENCES,
          dropped: expect.any(Number),
        });
      }),
      { numRuns: 25 },
    );
    expect(dropped).toBeGreaterThan(0);
  }, 300_000);

  /** Events of a node in the hour that began so many hours ago, and that many minutes of it. */
  const insert = (nodeId: string, hoursAgo: number, { perMinute = 1, minutes = 60 } = {}) =>
    sql(
      `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id,
                            node_id, tenant, country, region, probe_type, enrichment_status)
       SELECT date_trunc('hour', now()) - $2::integer * interval '1 hour' + place * interval '1 minute' / $3::integer,
              now(), 20, 100, 0, gen_random_uuid(), $1, 'default', 'GH', 'r', 'ping', 'complete'
       FROM generate_series(0, $3::integer * $4::integer - 1) AS place`,
      [nodeId, hoursAgo, perMinute, minutes],
    );
  const keepRowsFor = (time: string) =>
    sql("UPDATE data_lifecycle SET drop_after = $1::interval WHERE relation = 'metrics'", [time]);
  const valueOf = async (text: string) => Object.values((await sql(text))[0] ?? {})[0];
  const stored = (nodeId: string) =>
    valueOf(
      `SELECT count(*)::integer FROM rollup_1m JOIN rollup_series USING (series_id) WHERE node_id = '${nodeId}'`,
    );
  const shown = (nodeId: string) =>
    valueOf(
      `SELECT array_agg(DISTINCT events)::text || ' in ' || count(*) FROM metrics_1m WHERE node_id = '${nodeId}'`,
    );

  it("keep minutes of a node that sends one event in each for two hours, and answer older ones from its rows", async () => {
    await resetModel(sql, KEPT_LONG);
    await insert("sparse", 2);
    await insert("sparse", 5);
    await insert("dense", 5, { perMinute: 4 });
    await settle(sql);
    await retain(sql);
    expect(await stored("sparse")).toBe(60);
    expect(await shown("sparse")).toBe("{1} in 120");
    expect(await stored("dense")).toBe(60);
    expect(await shown("dense")).toBe("{4} in 60");
    const ofRegions =
      "SELECT array_agg(DISTINCT events ORDER BY events)::text FROM metrics_region_1m";
    expect(await valueOf(ofRegions)).toBe("{1,5}");
    await insert("sparse", 5, { minutes: 1 });
    await settle(sql);
    expect(await shown("sparse")).toBe("{1,2} in 120");
    expect(await valueOf(ofRegions)).toBe("{1,5,6}");
  });

  it("keep minutes of a node whose many events of an hour came late, before its rows are dropped", async () => {
    await resetModel(sql, KEPT_LONG);
    await keepRowsFor("3 days");
    await insert("late", 47, { minutes: 1 });
    await settle(sql);
    await retain(sql);
    await insert("late", 47, { perMinute: 4 });
    await settle(sql);
    expect(await stored("late")).toBe(0);
    expect(await shown("late")).toBe("{4,5} in 60");
    await keepRowsFor("1 day");
    await retain(sql);
    expect(await valueOf("SELECT count(*)::integer FROM metrics")).toBe(0);
    expect(await stored("late")).toBe(60);
    expect(await shown("late")).toBe("{4,5} in 60");
  });

  it("erase a region's minutes from which an erased node's cannot be subtracted, and correct what is coarser", async () => {
    await resetModel(sql, KEPT_LONG);
    await insert("erased", 47);
    await insert("other", 47);
    await settle(sql);
    await retain(sql);
    await sql("DELETE FROM metrics WHERE node_id = 'erased'");
    const eventsOf = (view: string) => valueOf(`SELECT sum(events)::integer FROM ${view}`);
    expect(await eventsOf("metrics_region_1m")).toBe(120);
    await eraseSealed(sql, { node: "erased", tenant: null });
    await settle(sql);
    expect(await eventsOf("metrics_region_1m")).toBeNull();
    expect(await eventsOf("metrics_region_5m")).toBe(60);
    expect(await eventsOf("metrics_1d")).toBe(60);
  });

  it("are gone, and can be computed again, when metrics was truncated", async () => {
    await resetModel(sql, KEPT_LONG);
    await insert("before", 3);
    await settle(sql);
    await sql("TRUNCATE metrics");
    await insert("after", 3);
    await settle(sql);
    expect(
      await valueOf("SELECT string_agg(node_id || ' ' || events, ', ') FROM metrics_1d"),
    ).toMatch(/^after \d+(, after \d+)?$/);
    expect(await valueOf("SELECT sum(events)::integer FROM metrics_region_5m")).toBe(60);
  });

  it("forget a series of which nothing is left", async () => {
    await resetModel(sql, KEPT_LONG);
    await insert("gone", 3);
    await insert("stays", 3);
    await settle(sql);
    await sql("DELETE FROM metrics WHERE node_id = 'gone'");
    await settle(sql);
    await sql("SELECT rollup_forget_series()");
    expect(await valueOf("SELECT string_agg(node_id, ', ') FROM rollup_series")).toBe("stays");
  });
});
