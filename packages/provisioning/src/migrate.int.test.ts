import { randomBytes } from "node:crypto";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { readSettings } from "@fiberstream/runtime/settings";
import { addresses } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { PG_MIGRATE_LOCK_ID } from "node-pg-migrate";
import pg from "pg";
import { retentionSettings } from "./retention-settings.ts";
import { migrate } from "./migrate.ts";

let life: Life;
let databaseUrl: string;
let server: pg.Client;

beforeEach(async () => {
  life = createLife();
  // A name with a capital and a dash, which has to be quoted.
  const name = `Test-${randomBytes(6).toString("hex")}`;
  databaseUrl = Object.assign(new URL(addresses.databaseUrl), { pathname: `/${name}` }).href;
  server = await connect(addresses.databaseUrl);
  life.own(name, () => server.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`));
});
afterEach(() => life.stop());

async function connect(url: string): Promise<pg.Client> {
  const client = life.own(new pg.Client({ connectionString: url }), (owned) => owned.end());
  await client.connect();
  return client;
}
const migrated = async () => {
  const lines: string[] = [];
  await migrate({ databaseUrl, print: (line) => lines.push(line) });
  return lines;
};

describe("migrate", () => {
  it("creates the database, reports what it did, and does nothing the second time", async () => {
    const lines = await migrated();
    expect(lines[0]).toMatch(/^created the database on postgresql:/);
    expect(lines).toContain("applied 0003_metrics");
    expect(lines.at(-1)).toMatch(/^found TimescaleDB \d+\.\S+, (Apache|Community) edition$/);
    expect(await migrated()).toEqual(["database schema is up to date", ...lines.slice(-4)]);
  });

  it("refuses to keep a roll-up for less time than what it is computed from", async () => {
    const retention = { ...readSettings(retentionSettings(), {}), keepRawDays: 31 };
    await expect(migrate({ databaseUrl, retention, print: () => undefined })).rejects.toThrow(
      "RETENTION_MINUTES_DAYS (30) is less than RETENTION_RAW_DAYS (31)",
    );
  });

  it("stores the retention in the database, and updates it when it changes", async () => {
    await migrated();
    const keepRawDays = async () => {
      const client = await connect(databaseUrl);
      const { rows } = await client.query<{ days: number }>(
        "SELECT extract(day FROM drop_after)::int AS days FROM data_lifecycle WHERE relation = 'metrics'",
      );
      return rows[0]?.days;
    };
    expect(await keepRawDays()).toBe(7);
    const retention = { ...readSettings(retentionSettings(), {}), keepRawDays: 14 };
    await migrate({ databaseUrl, retention, print: () => undefined });
    expect(await keepRawDays()).toBe(14);
  });

  it("sets the interval of new chunks", async () => {
    await migrated();
    const chunkMinutes = async () => {
      const client = await connect(databaseUrl);
      const { rows } = await client.query<{ minutes: number }>(
        `SELECT (extract(epoch FROM time_interval) / 60)::int AS minutes
           FROM timescaledb_information.dimensions WHERE hypertable_name = 'metrics'`,
      );
      return rows[0]?.minutes;
    };
    expect(await chunkMinutes()).toBe(10_080);
    const retention = { ...readSettings(retentionSettings(), {}), chunkMinutes: 15 };
    await migrate({ databaseUrl, retention, print: () => undefined });
    expect(await chunkMinutes()).toBe(15);
  });

  it("applies each file once when two run at the same time", async () => {
    const lines = (await Promise.all([migrated(), migrated()])).flat();
    expect(lines.filter((line) => line.startsWith("created"))).toHaveLength(1);
    expect(lines.filter((line) => line === "applied 0003_metrics")).toHaveLength(1);
  });

  it("gives up its turn while others hold a lock, and retries", async () => {
    await migrated();
    const other = await connect(databaseUrl);
    await other.query(`SELECT pg_advisory_lock(${PG_MIGRATE_LOCK_ID})`);
    const lines: string[] = [];
    const done = migrate({ databaseUrl, print: (line) => lines.push(line) });
    await until(() => lines.includes("waiting for a lock that another session holds"), {
      what: "it reports that it waits",
    });
    await other.query(`SELECT pg_advisory_unlock(${PG_MIGRATE_LOCK_ID})`);
    await done;
    expect(lines).toContain("database schema is up to date");
  });

  it("reports where it could not connect, without the password", async () => {
    const url = Object.assign(new URL(databaseUrl), { password: "hunter2" }).href;
    const failed = migrate({ databaseUrl: url, print: () => undefined });
    await expect(failed).rejects.toThrow(/cannot migrate .*Check DATABASE_URL/);
    await expect(failed).rejects.not.toThrow(/hunter2/);
  });
});

describe("the schema", () => {
  it("has a comment on every table, view and column", async () => {
    await migrated();
    const client = await connect(databaseUrl);
    const { rows } = await client.query(
      `SELECT relname, attname FROM pg_class
       JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = 'public'
       LEFT JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND relkind = 'r'
       WHERE relkind IN ('r', 'v') AND relname <> 'schema_migrations'
         AND (obj_description(pg_class.oid) IS NULL
              OR attnum IS NOT NULL AND col_description(attrelid, attnum) IS NULL)
         AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')`,
    );
    expect(rows).toEqual([]);
  });

  it("has the aggregates, and a role that can read but not write", async () => {
    await migrated();
    const client = await connect(databaseUrl);
    await client.query("SET ROLE fiberstream_reader");
    for (const suffix of [
      "1m",
      "5m",
      "1h",
      "1d",
      "region_1m",
      "region_5m",
      "region_1h",
      "region_1d",
    ]) {
      await client.query(`SELECT bucket, events, latency_p95_ms FROM metrics_${suffix}`);
    }
    await client.query("SELECT * FROM metrics_latest");
    const write = client.query("DELETE FROM nodes");
    await expect(write).rejects.toMatchObject({ code: "42501" });
  });

  it("marks a node as unpublished, and notifies exactly when others can see a change", async () => {
    await migrated();
    const client = await connect(databaseUrl);
    let notices = 0;
    client.on("notification", () => notices++);
    await client.query("LISTEN nodes_changed");
    const noticesOf = async (text: string) => {
      notices = 0;
      await client.query(text);
      await client.query("SELECT 1");
      return notices;
    };
    const state = async () => {
      const { rows } = await client.query<Record<string, string>>(
        "SELECT node_name, revision, published_revision FROM nodes",
      );
      return rows;
    };

    expect(await noticesOf("INSERT INTO nodes (node_id) VALUES ('accra-0001')")).toBe(1);
    expect(await state()).toEqual([
      { node_name: "probe-accra-00", revision: "1", published_revision: "0" },
    ]);
    const again = "INSERT INTO nodes (node_id) VALUES ('accra-0001') ON CONFLICT DO NOTHING";
    expect(await noticesOf(again)).toBe(0);
    expect(await noticesOf("UPDATE nodes SET published_revision = revision")).toBe(0);
    expect(await noticesOf("UPDATE nodes SET last_seen_at = now()")).toBe(0);
    expect(await state()).toMatchObject([{ revision: "1", published_revision: "1" }]);
    expect(await noticesOf(`UPDATE nodes SET tags = '{"site":"airport"}'`)).toBe(1);
    expect(await state()).toMatchObject([{ revision: "2", published_revision: "1" }]);
  });

  it.each([`{"a":1}`, `{"a":["b"]}`, `["a"]`, `"a"`])("rejects %s as tags", async (tags) => {
    await migrated();
    const client = await connect(databaseUrl);
    const insert = client.query("INSERT INTO nodes (node_id, tags) VALUES ('a', $1)", [tags]);
    await expect(insert).rejects.toMatchObject({ code: "23514" });
  });

  it("shows each node's latest metric, and metrics with their node's data", async () => {
    await migrated();
    const client = await connect(databaseUrl);
    await client.query(
      `INSERT INTO nodes (node_id, city) VALUES ('a', 'Accra'), ('b', 'Lagos'), ('silent', NULL);
       INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id,
                            node_id, tenant, country, region, probe_type, enrichment_status)
       SELECT '2026-01-01'::timestamptz + place * interval '3 days', now(), place, 100, 0,
              gen_random_uuid(), node_id, 'default', 'GH', 'r', 'ping', 'complete'
       FROM generate_series(1, 10) AS place, unnest('{a,b}'::text[]) AS node_id`,
    );
    const latest = await client.query(
      "SELECT node_id, latency_ms FROM metrics_latest ORDER BY node_id",
    );
    expect(latest.rows).toEqual([
      { node_id: "a", latency_ms: 10 },
      { node_id: "b", latency_ms: 10 },
    ]);
    const enriched = await client.query(
      "SELECT node_city, count(*)::int FROM metrics_enriched GROUP BY 1 ORDER BY 1",
    );
    expect(enriched.rows).toEqual([
      { node_city: "Accra", count: 10 },
      { node_city: "Lagos", count: 10 },
    ]);
  });
});
