import { createPool, type PgPool } from "@fiberstream/postgres/pool";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { day, renderQuality } from "./quality.ts";
import { daysOfNode, sumOfDay, worstNodes } from "../tables/quality-table.ts";

let life: Life;
let pool: PgPool;
beforeAll(async () => {
  life = createLife();
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  const log = createLog({ service: "test", level: "silent", format: "json" });
  pool = life.own(
    createPool({ databaseUrl: database.url, applicationName: "test", maxConnections: 1, log }),
    (owned) => owned.end(),
  );
  await pool.query(
    `INSERT INTO metric_quality_daily
       (day, node_id, events, expected, interval_s, gaps, longest_gap_s, late, repeats, measured_at)
     VALUES ('2026-11-24', 'whole', 1440, 1440, 60, 0, 60, 0, 0, '2026-11-25T00:10:00Z'),
            ('2026-11-24', 'gappy', 1320, 1440, 60, 1, 7260, 0, 0, '2026-11-25T00:10:01Z'),
            ('2026-11-24', 'late', 1440, 1440, 60, 0, 60, 30, 0, '2026-11-25T00:10:01Z'),
            ('2026-11-24', 'sparse', 3, NULL, NULL, 0, 40000, 0, 0, '2026-11-25T00:10:01Z'),
            ('2026-11-24', 'unmeasured', 0, NULL, NULL, 0, NULL, 0, 5, NULL),
            ('2026-11-23', 'gappy', 1440, 1440, 60, 0, 60, 0, 0, '2026-11-24T00:10:01Z')`,
  );
});
afterAll(() => life.stop());

describe("fiber quality", () => {
  it("lists the worst nodes of a day first, and the sums of all nodes", async () => {
    const nodes = await worstNodes(pool, { day: "2026-11-24", limit: 3 });
    expect(nodes.map(({ node_id }) => node_id)).toEqual(["gappy", "late", "whole"]);
    const sum = await sumOfDay(pool, "2026-11-24");
    expect(sum).toMatchObject({ nodes: 5, events: 4_203, late: 30, repeats: 5 });
    expect(sum?.completeness).toBeCloseTo(4_200 / 4_320, 9);
    const text = renderQuality("2026-11-24", sum, nodes);
    expect(text).toMatch(
      /^2026-11-24: 4203 events of 5 nodes, 97\.2 % of the expected number\n30 late/,
    );
    expect(text).toMatch(/gappy +91\.6 % +1320 +1440 +60\.0 s +1 +7260\.0 s/);
  });

  it("reports when nothing was measured yet", async () => {
    const sum = await sumOfDay(pool, "2026-11-25");
    expect(renderQuality("2026-11-25", sum, [])).toContain("No measurement of 2026-11-25 yet");
  });

  it("shows the days of one node, the newest first", async () => {
    const days = await daysOfNode(pool, { nodeId: "gappy", limit: 10 });
    expect(days).toMatchObject([
      { day: "2026-11-24", gaps: 1 },
      { day: "2026-11-23", completeness: 1 },
    ]);
  });

  it("accepts days by name and date, and rejects other texts", () => {
    expect(Date.parse(day("today")) - Date.parse(day("yesterday"))).toBe(86_400_000);
    expect(day("2026-11-24")).toBe("2026-11-24");
    expect(() => day("24.11.2026")).toThrow("such as 2026-11-24");
    expect(() => day("2026-02-31")).toThrow("such as 2026-11-24");
  });
});
