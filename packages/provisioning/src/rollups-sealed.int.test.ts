import { createTestDatabase, type TestDatabase } from "@fiberstream/testkit/database";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import pg from "pg";
import { createModel, resetModel } from "./testing/rollup-model.ts";
import { KEPT_LONG } from "./testing/rollup-steps.ts";
import { eraseSealed, retain, seal, settle, type Sql } from "./testing/rollup-work.ts";

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
beforeEach(() => resetModel(sql, KEPT_LONG));
afterAll(async () => {
  await client.end();
  await database.drop();
});

/** Events of a node in the hour that began 47 hours ago: one a minute, with ids that say their place. */
const insert = (
  node: string,
  {
    latencyMs = 20,
    minutes = 60,
    perMinute = 1,
    tenant = "default",
    target = "t",
    hoursAgo = 47,
  } = {},
) =>
  sql(
    `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id,
                          node_id, tenant, country, region, probe_type, target_host, enrichment_status)
     SELECT date_trunc('hour', now()) - $7::integer * interval '1 hour' + place * interval '1 minute' / $4::integer, now(),
            $2::float8, 100, 0, md5(concat($1::text, place, $5::text, $6::text))::uuid, $1, $5, 'GH', 'r', 'ping', $6, 'complete'
     FROM generate_series(0, $3::integer * $4::integer - 1) AS place
     ON CONFLICT DO NOTHING`,
    [node, latencyMs, minutes, perMinute, tenant, target, hoursAgo],
  );
const valueOf = async (text: string) => Object.values((await sql(text))[0] ?? {})[0];
const keepRowsFor = (time: string) =>
  sql("UPDATE data_lifecycle SET drop_after = $1::interval WHERE relation = 'metrics'", [time]);
const extremesOf = (view: string) =>
  valueOf(
    `SELECT min(latency_min_ms) || ' to ' || max(latency_max_ms) || ' of ' || sum(events) FROM ${view}`,
  );
const eventsOf = (node: string) =>
  valueOf(
    `SELECT array_agg(events ORDER BY width) FROM (
       SELECT 1 AS width, sum(events)::integer AS events FROM metrics_5m WHERE node_id = '${node}'
       UNION ALL SELECT 2, sum(events)::integer FROM metrics_1h WHERE node_id = '${node}'
       UNION ALL SELECT 3, sum(events)::integer FROM metrics_1d WHERE node_id = '${node}') AS sums`,
  );

describe("least and most of a region, some of whose nodes send once a minute", () => {
  it("are those of the other nodes when rows of a node with kept minutes are deleted", async () => {
    await keepRowsFor("30 days");
    await insert("sparse", { latencyMs: 30 });
    await insert("dense", { latencyMs: 20, perMinute: 4 });
    await insert("dense", { latencyMs: 90, minutes: 1, target: "u" });
    await settle(sql);
    await retain(sql);
    expect(await extremesOf("metrics_region_1m")).toBe("20 to 90 of 301");
    await sql("DELETE FROM metrics WHERE node_id = 'dense'");
    await settle(sql);
    expect(await extremesOf("metrics_region_1m")).toBe("30 to 30 of 60");
    expect(await extremesOf("metrics_region_1d")).toBe("30 to 30 of 60");
  });

  it("are erased with the region's minutes of a sealed hour, when a node with kept minutes is", async () => {
    await insert("sparse", { latencyMs: 30 });
    await insert("dense", { latencyMs: 20, perMinute: 4 });
    await insert("other", { latencyMs: 40, perMinute: 4 });
    await settle(sql);
    await retain(sql);
    await eraseSealed(sql, { node: "dense", tenant: null });
    await settle(sql);
    expect(await extremesOf("metrics_region_1m")).toBeNull();
    expect(await extremesOf("metrics_region_5m")).toBe("30 to 40 of 300");
    expect(await extremesOf("metrics_region_1d")).toBe("30 to 40 of 300");
    // A late event alone would pass for the whole region.
    await insert("sparse", { minutes: 1, target: "late" });
    await settle(sql);
    expect(await extremesOf("metrics_region_1m")).toBeNull();
    expect(await extremesOf("metrics_region_5m")).toBe("20 to 40 of 301");
  });
});

describe("sealed hours whose rows are there again", () => {
  const sealEmpty = async () => {
    await insert("first", { minutes: 1 });
    await settle(sql);
    await retain(sql);
    await keepRowsFor("30 days");
  };

  it("follow what is deleted, and count it when it comes again with other values", async () => {
    await sealEmpty();
    await insert("a", { latencyMs: 10 });
    await settle(sql);
    expect(await eventsOf("a")).toEqual([60, 60, 60]);
    await sql("DELETE FROM metrics WHERE node_id = 'a' AND extract(minute FROM time) < 30");
    await settle(sql);
    expect(await eventsOf("a")).toEqual([30, 30, 30]);
    await insert("a", { latencyMs: 99 });
    await settle(sql);
    expect(await eventsOf("a")).toEqual([60, 60, 60]);
    expect(await valueOf("SELECT latency_max_ms FROM metrics_1d WHERE node_id = 'a'")).toBe(99);
  });

  it("follow what is changed", async () => {
    await sealEmpty();
    await insert("a", { latencyMs: 10, perMinute: 4 });
    await settle(sql);
    await sql("UPDATE metrics SET latency_ms = 50 WHERE node_id = 'a'");
    await settle(sql);
    for (const view of ["metrics_1m", "metrics_5m", "metrics_1h", "metrics_1d"]) {
      expect(
        await valueOf(
          `SELECT min(latency_min_ms) || ' ' || sum(events) FROM ${view} WHERE node_id = 'a'`,
        ),
      ).toBe("50 240");
    }
  });

  it("keep what they have counted of rows that retention has dropped", async () => {
    await insert("a");
    await settle(sql);
    await retain(sql);
    await keepRowsFor("30 days");
    await insert("a", { minutes: 20 });
    await settle(sql);
    await sql("DELETE FROM metrics");
    await settle(sql);
    expect(await eventsOf("a")).toEqual([60, 60, 60]);
    expect(await valueOf("SELECT count(*)::integer FROM rollup_removed")).toBe(0);
  });

  it("count an event again that was erased with its tenant, on a node that has another one's", async () => {
    await insert("a", { tenant: "t1" });
    await insert("a", { tenant: "t2" });
    await settle(sql);
    await retain(sql);
    await eraseSealed(sql, { node: null, tenant: "t1" });
    await settle(sql);
    expect(await eventsOf("a")).toEqual([60, 60, 60]);
    await insert("a", { tenant: "t1", minutes: 7 });
    await insert("a", { tenant: "t2", minutes: 7 });
    await settle(sql);
    expect(await eventsOf("a")).toEqual([67, 67, 67]);
  });
});

describe("an hour that is sealed in steps", () => {
  it("counts what comes, and not what goes, between two of them", async () => {
    await insert("a");
    await insert("b");
    await settle(sql);
    expect(await valueOf("SELECT rollup_unsealed_s() > 0")).toBe(true);
    const sealSome = async (minutes: number) => {
      // Some steps leave out minutes first.
      while ((await valueOf("SELECT sealing_to = sealing_from FROM rollup_state")) === true) {
        await sql("SELECT rollup_seal_step($1::integer)", [minutes]);
      }
    };
    await sealSome(30);
    expect(
      await valueOf("SELECT sealing_to - sealing_from = interval '30 minutes' FROM rollup_state"),
    ).toBe(true);
    await insert("c", { minutes: 60 });
    await sql("DELETE FROM metrics WHERE node_id = 'a' AND extract(minute FROM time) = 7");
    await seal(sql);
    expect(
      await valueOf("SELECT sealed_before < now() - interval '47 hours' FROM rollup_state"),
    ).toBe(true);
    await settle(sql);
    await retain(sql);
    expect(await valueOf("SELECT count(*)::integer FROM metrics")).toBe(0);
    expect(await valueOf("SELECT rollup_unsealed_s()")).toBe(0);
    for (let time = 0; time < 2; time++) {
      expect(await eventsOf("a")).toEqual(time === 0 ? [59, 59, 59] : [60, 60, 60]);
      expect(await eventsOf("b")).toEqual([60, 60, 60]);
      expect(await eventsOf("c")).toEqual([60, 60, 60]);
      for (const node of ["a", "b", "c"]) await insert(node);
      await settle(sql);
    }
  });

  it("begins anew when an earlier hour has to be sealed first", async () => {
    await insert("a");
    await settle(sql);
    while ((await valueOf("SELECT sealing_to = sealing_from FROM rollup_state")) === true) {
      await sql("SELECT rollup_seal_step(10)");
    }
    await insert("b", { hoursAgo: 80 });
    await settle(sql);
    await retain(sql);
    expect(await valueOf("SELECT count(*)::integer FROM metrics")).toBe(0);
    expect(await valueOf("SELECT sum(cardinality(ids))::integer FROM rollup_counted")).toBe(120);
    await insert("a");
    await settle(sql);
    expect(await eventsOf("a")).toEqual([60, 60, 60]);
  });
});

describe("a node with more than a thousand targets", () => {
  it("has roll-ups of each that say what its rows say", async () => {
    await keepRowsFor("30 days");
    const targets = (events: string) =>
      sql(
        `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id,
                              node_id, tenant, country, region, probe_type, target_host, enrichment_status)
         SELECT date_trunc('hour', now()) - interval '47 hours' + place % 7 * interval '1 minute', now(), place % 50, 100, 0,
                md5(place::text)::uuid, 'many', 'default', 'GH', 'r', 'ping', 'target-' || place, 'complete'
         FROM ${events} AS place`,
      );
    await targets("generate_series(1, 1500)");
    await insert("few");
    await settle(sql);
    const differing = (width: string) =>
      valueOf(
        `SELECT count(*)::integer FROM (
           SELECT date_bin('${width}', time, 'epoch') AS bucket, target_host, latency_ms FROM metrics WHERE node_id = 'many'
         ) AS rows FULL JOIN (
           SELECT * FROM metrics_series_${width === "1 minute" ? "1m" : width === "5 minutes" ? "5m" : "1d"} WHERE node_id = 'many'
         ) AS rolled USING (bucket, target_host)
         WHERE (latency_ms, 1) IS DISTINCT FROM (latency_max_ms, events)`,
      );
    for (let round = 0; round < 2; round++) {
      for (const width of ["1 minute", "5 minutes", "1 day"])
        expect(await differing(width)).toBe(0);
      // What is late, and deleted, after its minutes were left out.
      await retain(sql);
      await sql("DELETE FROM metrics WHERE target_host IN ('target-7', 'target-1400')");
      await targets(`generate_series(${1_501 + 3 * round}, ${1_503 + 3 * round})`);
      await settle(sql);
    }
    expect(await extremesOf("metrics_region_1m")).toBe("0 to 49 of 1564");
    expect(await extremesOf("metrics_region_1d")).toBe("0 to 49 of 1564");
  });
});
