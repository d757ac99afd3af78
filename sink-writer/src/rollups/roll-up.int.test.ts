import { ADVISORY_LOCKS } from "@fiberstream/postgres/advisory-locks";
import { until } from "@fiberstream/testkit/until";
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
const metric = async (name: string, width?: string) => {
  const found = await registry.getSingleMetric(name)?.get();
  return found?.values.find(({ labels }) => labels["width"] === width)?.value;
};

describe("rolling up", () => {
  it("computes all widths of what was marked, with the sink's rights, and counts it", async () => {
    // Not so long ago that minutes are left out.
    await insert("a", 50, "1 hour");
    await rollUp();
    expect(await eventsOf("a")).toEqual([50, 50, 50, 50]);
    expect(await metric("fiberstream_rollup_rows_written_total", "1m")).toBe(50);
    expect(await metric("fiberstream_rollup_lag_seconds", "1m")).toBe(0);
    expect(await metric("fiberstream_rollup_waiting_pairs", "1d")).toBe(0);
  });

  it("writes nothing for what did not change", async () => {
    await database.owner.query(
      "SELECT rollup_mark(ARRAY['a'], ARRAY[now() - interval '1 hour 5 minutes'])",
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

  it("sets a node aside whose minute fails alone, and tries it again later", async () => {
    await database.owner.query(
      `CREATE FUNCTION refuse_roll_up() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'too many'; END $$;
       CREATE TRIGGER refuse BEFORE INSERT ON rollup_1m FOR EACH ROW WHEN (NEW.latency_max_ms = 7) EXECUTE FUNCTION refuse_roll_up()`,
    );
    await insert("d", 7, "10 minutes");
    await insert("e", 5, "10 minutes");
    registry = new Registry();
    const metrics = createRollUpMetrics(registry);
    let laterMs = 0;
    const worker = createRollUp({
      pool: database.pool,
      metrics,
      nowMs: () => performance.now() + laterMs,
    });
    const work = () => {
      laterMs += 3_600_000;
      return worker({ forMs: 60_000 });
    };
    const isAside = () => database.valueOf("SELECT count(*) > 0 FROM rollup_set_aside");
    while ((await isAside()) !== true) await work().catch(() => undefined);
    // The server answers with the error a moment before it has given the failed transaction's lock back.
    const sumOfE = async () => (await work(), JSON.stringify(await eventsOf("e")));
    await until(async () => (await sumOfE()) === "[5,5,5,5]", { what: "the other node is there" });
    await metrics.refresh(database.pool);
    expect(await metric("fiberstream_rollup_set_aside_pairs", "1m")).toBeGreaterThan(0);
    expect(await metric("fiberstream_rollup_failures_total")).toBeGreaterThan(2);
    expect(
      await database.valueOf(
        "SELECT node_id || ' ' || failures || ' ' || reason FROM rollup_set_aside",
      ),
    ).toMatch(/^d 1 1m: .*too many/);
    // What comes meanwhile waits without being tried.
    await insert("d", 1, "20 minutes");
    await work();
    expect(await eventsOf("e")).toEqual([5, 5, 5, 5]);

    await database.owner.query(
      "DROP TRIGGER refuse ON rollup_1m; UPDATE rollup_set_aside SET retry_at = now()",
    );
    await rollUp();
    expect(await eventsOf("d")).toEqual([8, 8, 8, 8]);
    expect(await metric("fiberstream_rollup_set_aside_pairs", "1m")).toBe(0);
  });

  it("computes every width, and does what can wait, however much is marked", async () => {
    await insert("f", 3, "4 minutes");
    await rollUp();
    await database.owner.query(
      `DELETE FROM rollup_marks;
       UPDATE rollup_state SET backfilled_from = now(), backfill_to = now() - interval '10 minutes';
       DELETE FROM rollup_1d;
       SELECT rollup_mark(ARRAY['f'], ARRAY[now() - interval '1 day']);
       INSERT INTO rollup_marks (width_min, due_at, pairs, first_minute, last_minute, nodes, minutes)
       SELECT 1440, now(), 1, day, day, ARRAY['f'], ARRAY[day]
       FROM (SELECT (extract(epoch FROM date_trunc('day', now(), 'UTC')) / 60)::integer AS day) AS today;
       -- Each mark that is taken leaves another one.
       CREATE FUNCTION mark_again() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
       BEGIN PERFORM rollup_mark(ARRAY['f'], ARRAY[now() - interval '1 day']);
             UPDATE rollup_marks SET due_at = now() - interval '1 minute' WHERE width_min = 1; RETURN NULL; END $$;
       CREATE TRIGGER mark_again AFTER DELETE ON rollup_marks FOR EACH STATEMENT EXECUTE FUNCTION mark_again()`,
    );
    const worker = createRollUp({
      pool: database.pool,
      metrics: createRollUpMetrics(new Registry()),
    });
    let isEnding = false;
    const working = worker({ forMs: 600_000, isEnding: () => isEnding });
    try {
      await until(
        () =>
          database.valueOf(
            "SELECT backfilled_from = backfill_to AND EXISTS (SELECT FROM rollup_1d) FROM rollup_state",
          ),
        { what: "rows of before are marked, and days computed" },
      );
    } finally {
      isEnding = true;
      await working;
      await database.owner.query("DROP TRIGGER mark_again ON rollup_marks");
    }
  });

  it("shows rows past retention that are not sealed, and counts steps that fail", async () => {
    await insert("g", 1, "400 days");
    await rollUp();
    await insert("g", 1, "300 days");
    await database.owner.query(
      `UPDATE rollup_state SET sealed_before = now() - interval '1000 days';
       CREATE FUNCTION refuse_seal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no space'; END $$;
       CREATE TRIGGER refuse BEFORE INSERT ON rollup_counted FOR EACH ROW EXECUTE FUNCTION refuse_seal()`,
    );
    await expect(rollUp()).rejects.toThrow("no space");
    expect(await metric("fiberstream_rollup_failures_total")).toBe(1);
    await createRollUpMetrics((registry = new Registry())).refresh(database.pool);
    expect(await metric("fiberstream_rollup_unsealed_seconds")).toBeGreaterThan(200 * 86_400);
    await database.owner.query("DROP TRIGGER refuse ON rollup_counted");
    await rollUp();
    expect(await metric("fiberstream_rollup_unsealed_seconds")).toBe(0);
  });
});
