import { ADVISORY_LOCKS } from "@fiberstream/postgres/advisory-locks";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import { openSampleDatabase, type SampleDatabase } from "../testing/sample-database.ts";
import { createRollUp } from "./roll-up.ts";
import { createRollUpMetrics } from "./roll-up-metrics.ts";

let database: SampleDatabase;
let registry: Registry;
beforeAll(async () => {
  database = await openSampleDatabase();
});
afterAll(() => database.close());

/** Events of a node, one each minute, the last so many minutes ago. */
const insert = (nodeId: string, count: number, endsAgo: string) =>
  database.owner.query(
    `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id,
                          node_id, tenant, country, region, probe_type, enrichment_status)
     SELECT now() - $3::interval - place * interval '1 minute', now(), place, 100, 0, gen_random_uuid(),
            $1, 'default', 'GH', 'r', 'ping', 'complete'
     FROM generate_series(1, $2::integer) AS place`,
    [nodeId, count, endsAgo],
  );
const rollUp = async () => {
  registry = new Registry();
  const metrics = createRollUpMetrics(registry);
  // Another worker begins with the buckets that have not ended: today's, of what the first one has found in the table.
  for (let worker = 0; worker < 2; worker++) {
    await createRollUp({ pool: database.pool, metrics })({ forMs: 60_000 });
  }
  await metrics.refresh(database.pool);
};
const eventsOf = (nodeId: string) =>
  database.valueOf(
    `SELECT array_agg(events ORDER BY width) FROM (
       SELECT 1 AS width, sum(events)::integer AS events FROM metrics_1m WHERE node_id = $1
       UNION ALL SELECT 2, sum(events)::integer FROM metrics_5m WHERE node_id = $1
       UNION ALL SELECT 3, sum(events)::integer FROM metrics_1h WHERE node_id = $1
       UNION ALL SELECT 4, sum(events)::integer FROM metrics_1d WHERE node_id = $1) AS sums`,
    [nodeId],
  );
const metric = async (name: string, width: string) => {
  const found = await registry.getSingleMetric(name)?.get();
  return found?.values.find(({ labels }) => labels["width"] === width)?.value;
};

describe("rolling up", () => {
  it("computes all widths of what was marked, with the sink's rights, and counts it", async () => {
    await insert("a", 50, "2 hours");
    await rollUp();
    expect(await eventsOf("a")).toEqual([50, 50, 50, 50]);
    expect(await metric("fiberstream_rollup_rows_written_total", "1m")).toBe(50);
    expect(await metric("fiberstream_rollup_lag_seconds", "1m")).toBe(0);
    expect(await metric("fiberstream_rollup_waiting_pairs", "1d")).toBe(0);
  });

  it("writes nothing for what did not change", async () => {
    await database.owner.query(
      "SELECT rollup_mark(ARRAY['a'], ARRAY[now() - interval '2 hours 5 minutes'])",
    );
    await rollUp();
    expect(await metric("fiberstream_rollup_pairs_total", "1m")).toBe(1);
    expect(await metric("fiberstream_rollup_rows_written_total", "1m")).toBe(0);
    expect(await metric("fiberstream_rollup_pairs_total", "5m")).toBe(0);
  });

  it("leaves the work to the sink that does it", async () => {
    await insert("b", 3, "1 hour");
    const other = await database.pool.connect();
    await other.query(`SELECT pg_advisory_lock(${ADVISORY_LOCKS.rollUps})`);
    await rollUp();
    expect(await eventsOf("b")).toEqual([null, null, null, null]);
    await other.query(`SELECT pg_advisory_unlock(${ADVISORY_LOCKS.rollUps})`);
    other.release();
    await rollUp();
    expect(await eventsOf("b")).toEqual([3, 3, 3, 3]);
  });

  it("rolls up rows that were there before the roll-ups were", async () => {
    await insert("c", 30, "3 hours");
    await database.owner.query("DELETE FROM rollup_marks");
    await database.owner.query(
      "UPDATE rollup_state SET backfilled_from = now(), backfill_to = now() - interval '1 day'",
    );
    await rollUp();
    expect(await eventsOf("c")).toEqual([30, 30, 30, 30]);
    expect(await database.valueOf("SELECT backfilled_from = backfill_to FROM rollup_state")).toBe(
      true,
    );
  });
});
