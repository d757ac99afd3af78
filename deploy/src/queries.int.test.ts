import { readFileSync } from "node:fs";
import { createTestDatabase, type TestDatabase } from "@fiberstream/testkit/database";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import pg from "pg";

let database: TestDatabase;
let client: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(
    `INSERT INTO nodes (node_id, status, city) VALUES ('probe-accra-01', 'reporting', 'Accra');
     INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id,
                          tenant, country, region, probe_type, enrichment_status, anomaly_score, extra)
     SELECT now() - interval '1 minute', now(), 5, 100, 0, gen_random_uuid(), 'probe-accra-01',
            'default', 'GH', 'r', 'ping', 'complete', 0.9, '{"jitter_ms": 1}';
     INSERT INTO metric_quality_daily (day, node_id, events, expected, delay_min_ms)
     VALUES (current_date - 1, 'probe-accra-01', 1430, 1440, -5000);
     SET ROLE fiberstream_reader`,
  );
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

/** Each question of docs/query/timescaledb.sql, its first comment line, and the statement. */
const queries = readFileSync(new URL("../../docs/query/timescaledb.sql", import.meta.url), "utf8")
  .split(/\n\n(?=-- )/)
  .slice(1)
  .map((text) => [text.slice(3, text.indexOf("\n")), text] as const);

const EMPTY = /silent|different content|far is the sink/;

describe("the example queries", () => {
  it.each(queries)("answer for a reader: %s", async (question, sql) => {
    const { rows } = await client.query(sql);
    expect(rows.length > 0).toBe(!EMPTY.test(question));
  });
});
