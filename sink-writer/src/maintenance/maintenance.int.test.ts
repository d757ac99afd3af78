import { query } from "@fiberstream/postgres/pool";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createNodeRegistration } from "../register-nodes.ts";
import { createRollUp } from "../rollups/roll-up.ts";
import { openSampleDatabase, type SampleDatabase } from "../testing/sample-database.ts";
import { rowsOf, sampleEvent, sampleSchema } from "../testing/sample-rows.ts";
import { readTableLayout } from "../tuples/table-layout.ts";
import {
  dropOldChunks,
  dropOldAlerts,
  dropOldChanges,
  dropOldConflicts,
  terminateFrozenWrites,
  markSilentNodes,
  markSilent,
} from "./maintenance.ts";

let database: SampleDatabase;
beforeAll(async () => {
  database = await openSampleDatabase();
});
afterAll(() => database.close());

const statuses = async () => {
  const rows = await query<{ node_id: string; status: string }>(
    database.pool,
    "SELECT node_id, status FROM nodes ORDER BY node_id",
  );
  return Object.fromEntries(rows.map(({ node_id, status }) => [node_id, status]));
};

describe("maintenance", () => {
  it("marks silent nodes inactive until they report again, and keeps a status that an operator has set", async () => {
    await database.owner.query(
      `INSERT INTO nodes (node_id, status, last_seen_at) VALUES
         ('silent', 'reporting', now() - interval '6 minutes'),
         ('talking', 'reporting', now() - interval '4 minutes'),
         ('new', 'registered', NULL),
         ('off', 'inactive', now() - interval '6 minutes'),
         ('gone', 'deleted', now() - interval '6 minutes')`,
    );
    const before = { new: "registered", off: "inactive", gone: "deleted", talking: "reporting" };
    expect(await markSilent(database.pool, 300_000)).toBe(1);
    expect(await statuses()).toEqual({ ...before, silent: "inactive" });
    expect(await markSilent(database.pool, 300_000)).toBe(0);
    await database.owner.query("UPDATE nodes SET silent_since = now() WHERE status = 'deleted'");

    const received_at = Date.now() * 1_000;
    const events = ["silent", "off", "gone"].map((node_id) =>
      sampleEvent({ node_id, received_at }),
    );
    const rows = await rowsOf(events, await readTableLayout(database.pool, sampleSchema));
    const registration = createNodeRegistration({ maxRemembered: 10 });
    const client = await database.pool.connect();
    await registration.register(client, [
      { rows: rows.unseen, result: { erased: new Set(), refused: new Set() } },
    ]);
    client.release();
    expect(await statuses()).toEqual({ ...before, silent: "reporting" });
  });

  it("marks no node whose events may still be on the way", async () => {
    await database.owner.query(
      `DELETE FROM nodes;
       INSERT INTO nodes (node_id, status, last_seen_at) VALUES
         ('silent', 'reporting', now() - interval '70 minutes'),
         ('on its way', 'reporting', now() - interval '60 minutes')`,
    );
    const judge = (lagMs: number | undefined) =>
      markSilentNodes({
        pool: database.pool,
        silentAfterMs: 300_000,
        pathLag: () => Promise.resolve(lagMs),
      });
    expect(await judge(undefined)).toBe(0);
    expect(await judge(3_600_000)).toBe(1);
    expect(await statuses()).toEqual({ silent: "inactive", "on its way": "reporting" });
    expect(await judge(0)).toBe(1);
  });

  it("does not ask Kafka while no node is silent", async () => {
    await database.owner.query("UPDATE nodes SET last_seen_at = now(), status = 'reporting'");
    const pathLag = () => Promise.reject(new Error("Kafka was asked"));
    expect(await markSilentNodes({ pool: database.pool, silentAfterMs: 300_000, pathLag })).toBe(0);
  });

  it("drops conflicts past their retention, however many there are", async () => {
    await database.owner.query(
      `INSERT INTO metric_conflicts (time, detected_at, event_id, node_id, stored, received)
       SELECT now(), now() - age, gen_random_uuid(), 'n', '{}', '{}'
       FROM (VALUES (interval '91 days', 10001), (interval '89 days', 3)) AS ages (age, count)
       CROSS JOIN LATERAL generate_series(1, count)`,
    );
    expect(await dropOldConflicts(database.pool)).toBe(10_001);
    expect(await dropOldConflicts(database.pool)).toBe(0);
    expect(await database.valueOf("SELECT count(*)::int FROM metric_conflicts")).toBe(3);
  });

  it("drops alerts and changes past their retention", async () => {
    await database.owner.query(
      `INSERT INTO node_alerts (opened_at, value, resolve_below, alert_id, node_id, kind)
       SELECT now() - age, 1, 1, gen_random_uuid(), 'n', 'latency'
       FROM unnest('{366 days,364 days}'::interval[]) AS age;
       DELETE FROM node_changes;
       INSERT INTO node_changes (changed_at, node_id, kind, changed_by, detail)
       SELECT now() - age, 'n', 'node.changed', 'test', '{}' FROM unnest('{366 days,364 days}'::interval[]) AS age;
       INSERT INTO breaker_changes (changed_at, partition, kind, service, reason)
       SELECT now() - age, 1, 'breaker.opened', 's', 'r' FROM unnest('{366 days,364 days}'::interval[]) AS age`,
    );
    expect([await dropOldAlerts(database.pool), await dropOldAlerts(database.pool)]).toEqual([
      1, 0,
    ]);
    expect([await dropOldChanges(database.pool), await dropOldChanges(database.pool)]).toEqual([
      2, 0,
    ]);
  });

  it("terminates no write that makes progress", async () => {
    const client = await database.pool.connect();
    await client.query("BEGIN");
    expect(await terminateFrozenWrites(database.pool)).toBe(0);
    await client.query("ROLLBACK");
    client.release();
  });

  it("drops rows past their retention, a chunk at a time, once the roll-ups have counted them", async () => {
    await database.owner.query(
      `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id,
                            node_id, tenant, country, region, probe_type, enrichment_status)
       SELECT now() - age, now(), 1, 100, 0, gen_random_uuid(), 'n', 'default', 'GH', 'r', 'ping',
              'complete'
       FROM unnest('{0 days,5 days,30 days,60 days}'::interval[]) AS age`,
    );
    expect(await dropOldChunks(database.pool)).toBe(0);
    // The second worker begins with the buckets that have not ended: today's.
    for (let worker = 0; worker < 2; worker++) {
      await createRollUp({ pool: database.pool, metrics: ignored })({ forMs: 60_000 });
    }
    expect(await dropOldChunks(database.pool)).toBeGreaterThanOrEqual(2);
    expect(await database.valueOf("SELECT count(*)::int FROM metrics")).toBe(2);
    expect(await dropOldChunks(database.pool)).toBe(0);
    expect(await database.valueOf("SELECT sum(events)::int FROM metrics_1d")).toBe(4);
  });
});

const ignored = { rolledUp: () => undefined, failed: () => undefined };
