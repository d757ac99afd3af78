import { inTransaction } from "@fiberstream/postgres/pool";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { openSampleDatabase, type SampleDatabase } from "../testing/sample-database.ts";
import { rowsOf, sampleEvent, sampleSchema } from "../testing/sample-rows.ts";
import { readTableLayout } from "../tuples/table-layout.ts";
import { createInsertRows, type InsertResult } from "./insert-rows.ts";

let database: SampleDatabase;
beforeEach(async () => {
  database = await openSampleDatabase();
});
afterEach(() => database.close());

const NOW = Date.now() * 1_000;
const HOUR = 3_600_000_000;

/** With the permissions of the sink. */
const land = async (events: readonly EnrichedProbeMetric[]): Promise<InsertResult> => {
  const layout = await readTableLayout(database.pool, sampleSchema);
  const insertRows = createInsertRows({ layout, countBytes: () => undefined });
  const rows = await rowsOf(events, layout);
  const inserted = await inTransaction(database.pool, (client) => insertRows(client, rows));
  expect(inserted).toHaveLength(1);
  return inserted[0]?.result as InsertResult;
};
const event = (change: Partial<EnrichedProbeMetric>) =>
  sampleEvent({ received_at: NOW - HOUR, timestamp: NOW - HOUR, ...change });
const erased = (columns: string, values: string) =>
  database.owner.query(
    `INSERT INTO erasures (honoured_until, requested_by, ${columns})
     VALUES (now() + interval '45 days', 'test', ${values})`,
  );
const stored = () =>
  database.valueOf("SELECT array_agg(node_id::text ORDER BY node_id) FROM metrics");

describe("an event that an operator has erased", () => {
  it("is left out by node, tenant or span of time, without a trace, and others are not", async () => {
    await erased("node_id", "'gone'");
    await erased("tenant, to_time", "'acme', now() - interval '30 minutes'");
    const events = [
      event({ node_id: "a" }),
      event({ node_id: "gone" }),
      event({ node_id: "b", tenant: "acme" }),
      event({ node_id: "c", tenant: "acme", timestamp: NOW }),
      event({ node_id: "d" }),
    ];
    const result = await land(events);
    expect(result).toMatchObject({ copied: 0, staged: 3, repeats: 2, leftOut: [1, 2] });
    expect([...result.erased]).toEqual([1, 2]);
    expect(await stored()).toEqual(["a", "c", "d"]);
    expect(await land(events)).toMatchObject({ staged: 0, repeats: 5, leftOut: [0, 1, 2, 3, 4] });
    expect(await database.valueOf("SELECT count(*)::int FROM metric_conflicts")).toBe(0);
    const counted = "SELECT array_agg(node_id::text ORDER BY node_id) FROM metric_quality_daily";
    expect(await database.valueOf(counted)).toEqual(["a", "c", "d"]);
  });

  it("does not replace what was imported in its place", async () => {
    await erased("node_id", "'gone'");
    const wrong = event({ node_id: "gone", latency_ms: 1 });
    await database.owner.query("UPDATE erasures SET honoured_until = now()");
    await land([{ ...wrong, latency_ms: 2 }]);
    await database.owner.query("UPDATE erasures SET honoured_until = now() + interval '1 day'");
    expect(await land([wrong])).toMatchObject({ repeats: 1, conflicts: 0 });
    expect(await database.valueOf("SELECT latency_ms FROM metrics")).toBe(2);
    expect(await database.valueOf("SELECT count(*)::int FROM metric_conflicts")).toBe(0);
  });

  it("is stored when it was received after the erasure, or the erasure is long ago", async () => {
    await erased("node_id", "'gone'");
    expect(await land([event({ node_id: "gone", received_at: NOW + HOUR })])).toMatchObject({
      copied: 1,
    });
    await database.owner.query("UPDATE erasures SET honoured_until = now()");
    expect(await land([event({ node_id: "gone" })])).toMatchObject({ copied: 1 });
  });
});
