import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import { openSampleDatabase, type SampleDatabase } from "../testing/sample-database.ts";
import { createDatabaseGauges } from "./database-gauges.ts";

let database: SampleDatabase;
beforeAll(async () => {
  database = await openSampleDatabase();
});
afterAll(() => database.close());

describe("the statistics of the database", () => {
  it("can be read with the permissions of the sink", async () => {
    const registry = new Registry();
    const gauges = createDatabaseGauges(registry);
    const valueOf = async (name: string, labels = "") =>
      Number(
        new RegExp(`^fiberstream_database_${name}${labels} (\\S+)$`, "m").exec(
          await registry.metrics(),
        )?.[1],
      );
    expect(await valueOf("size_bytes")).toBeNaN();

    await database.owner.query(
      `INSERT INTO nodes (node_id) VALUES ('n');
       INSERT INTO metrics (time, received_at, node_id, event_id, tenant, country, region, probe_type,
                            enrichment_status, latency_ms, uptime_pct, packet_loss)
       VALUES (now(), now(), 'n', gen_random_uuid(), 'default', 'DE', 'eu', 'ping', 'complete', 1, 100, 0)`,
    );
    await gauges.refresh(database.pool);
    expect(await valueOf("size_bytes")).toBeGreaterThan(1e6);
    expect(await valueOf("table_bytes", '{table="metrics"}')).toBeGreaterThan(8_000);
    expect(await valueOf("chunks")).toBe(1);
    expect(await valueOf("max_connections")).toBeGreaterThan(10);
    expect(await valueOf("connections", '{state="other"}')).toBeGreaterThanOrEqual(1);
    expect(await valueOf("oldest_transaction_seconds")).toBeGreaterThanOrEqual(0);
    expect(await valueOf("unreplicated_bytes")).toBe(0);
    expect(await valueOf("dead_rows")).toBeGreaterThanOrEqual(0);
    expect(await valueOf("transaction_age")).toBeGreaterThan(0);
    expect(await valueOf("last_backup_timestamp_seconds")).toBeNaN();
    await database.owner.query("INSERT INTO base_backups (finished_at) VALUES (to_timestamp(1e9))");
    await gauges.refresh(database.pool);
    expect(await valueOf("last_backup_timestamp_seconds")).toBe(1e9);
  });
});
