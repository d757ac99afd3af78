import { inTransaction } from "@fiberstream/postgres/pool";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { createLandRows } from "./land-rows.ts";
import type { MetricRow } from "./metric-row.ts";
import { openSampleDatabase, type SampleDatabase } from "./testing/sample-database.ts";
import { sampleRow } from "./testing/sample-rows.ts";

let database: SampleDatabase;
beforeAll(async () => {
  database = await openSampleDatabase();
});
afterAll(() => database.close());
beforeEach(() => database.pool.query("TRUNCATE metrics, metric_conflicts"));

const landRows = createLandRows({ countBytes: () => {} });
const land = (rows: readonly MetricRow[]) =>
  inTransaction(database.pool, (client) => landRows(client, rows));
const stored = () => database.valueOf("SELECT count(*)::int FROM metrics");
const nothing = { copied: 0, staged: 0, repeats: 0, conflicts: 0, refused: [] };

describe("landing rows", () => {
  it("copies rows that are new", async () => {
    const rows = Array.from({ length: 3_000 }, () => sampleRow());
    expect(await land(rows)).toEqual({ ...nothing, copied: 3_000 });
    expect(await stored()).toBe(3_000);
    expect(await land([])).toEqual(nothing);
  });

  it("leaves repeats out, those within a batch too", async () => {
    const old = sampleRow();
    await land([old]);
    const fresh = sampleRow();
    expect(await land([fresh, old, fresh])).toEqual({ ...nothing, staged: 1, repeats: 2 });
    expect(await stored()).toBe(2);
    expect(await database.valueOf("SELECT count(*)::int FROM metric_conflicts")).toBe(0);
  });

  it("keeps what comes again with other content, and lets the first one stand", async () => {
    const first = sampleRow({ latency_ms: 1, metadata: null });
    const laterReceived = { ...first.event, received_at: first.event.received_at + 1 };
    const other = { ...first, event: { ...first.event, latency_ms: 2 } };
    const unlike = { ...first, event: { ...first.event, metadata: "{}" } };
    await land([first]);
    expect(await land([{ ...first, event: laterReceived }, other, unlike])).toEqual({
      ...nothing,
      repeats: 1,
      conflicts: 2,
    });
    expect(await database.valueOf("SELECT latency_ms FROM metrics")).toBe(1);
    expect(
      await database.valueOf(
        "SELECT array_agg(latency_ms ORDER BY latency_ms) FROM metric_conflicts",
      ),
    ).toEqual([1, 2]);
  });

  it("isolates rows that PostgreSQL refuses and writes the rest", async () => {
    const rows = Array.from({ length: 200 }, () => sampleRow());
    const culprits: [number, MetricRow, string][] = [
      [0, sampleRow({ node_id: "n".repeat(51) }), "22001"],
      [77, sampleRow({ region: "a\0b" }), "22021"],
      [78, sampleRow({ metadata: '{"token":"secret' }), "22P02"],
      [150, sampleRow({ node_id: "" }), "23514"],
      [204, sampleRow({ metadata: '{"a":"\\u0000"}' }), "22P05"],
    ];
    for (const [place, row] of culprits) rows.splice(place, 0, row);

    const landing = await land(rows);
    expect(landing).toMatchObject({ copied: 200, staged: 0, repeats: 0, conflicts: 0 });
    expect(landing.refused.map(({ record }) => record)).toEqual(
      culprits.map(([, row]) => row.record),
    );
    for (const [index, [, , sqlState]] of culprits.entries()) {
      const reason = landing.refused[index]?.reason;
      expect(reason?.failureClass).toBe("row-refused");
      expect(reason?.message).toContain(`SQLSTATE ${sqlState}`);
      expect(reason?.message).not.toContain("secret");
    }
    expect(await stored()).toBe(200);
  });

  it("finds its way through repeats and refused rows in one batch", async () => {
    const old = Array.from({ length: 10 }, () => sampleRow());
    await land(old);
    const rows = [...old, sampleRow(), sampleRow({ region: "a\0b" }), sampleRow()];
    const landing = await land(rows);
    expect(landing.copied + landing.staged).toBe(2);
    expect(landing.repeats).toBe(10);
    expect(landing.refused).toHaveLength(1);
    expect(await stored()).toBe(12);
  });

  it("tells a table that is missing from a row that is bad", async () => {
    const away = inTransaction(database.pool, async (client) => {
      await client.query("DROP TABLE metrics CASCADE");
      return landRows(client, [sampleRow()]);
    });
    await expect(away).rejects.toMatchObject({ name: "FatalError" });
    expect(await stored()).toBe(0);
  });
});
