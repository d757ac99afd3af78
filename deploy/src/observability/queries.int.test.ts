import { readFileSync } from "node:fs";
import { createTestDatabase, type TestDatabase } from "@fiberstream/testkit/database";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import pg from "pg";
import { queriesOf } from "./dashboards/all.ts";

let database: TestDatabase;
let client: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(
    `INSERT INTO nodes (node_id, status, city, last_seen_at) VALUES ('probe-accra-01', 'reporting', 'Accra', now());
     INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id,
                          tenant, country, region, probe_type, enrichment_status, anomaly_score, extra)
     SELECT now() - interval '1 minute', now(), 5, 100, 0, gen_random_uuid(), 'probe-accra-01',
            'default', 'GH', 'r', 'ping', 'complete', 0.9, '{"unheard_of_ms": 1}';
     INSERT INTO metrics (time, received_at, uptime_pct, packet_loss, error, event_id, node_id,
                          tenant, country, region, probe_type, enrichment_status)
     SELECT now() - interval '2 minutes', now(), 99, 100, 'timeout', gen_random_uuid(), 'probe-accra-01',
            'default', 'GH', 'r', 'ping', 'complete';
     INSERT INTO metric_quality_daily (day, node_id, events, expected, delay_min_ms)
     VALUES (current_date - 1, 'probe-accra-01', 1430, 1440, -5000);
     SELECT rollup_mark(ARRAY['probe-accra-01'], ARRAY[now() - interval '1 minute']);
     SELECT rollup_refresh(width, 'infinity', 10) FROM unnest(ARRAY[1, 5, 60, 1440]) AS width;
     SET ROLE fiberstream_reader`,
  );
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

/** A silent node, as the sink marks it, and enough events for a mean, so that every panel has rows. */
const FOR_DASHBOARDS = `
  INSERT INTO nodes (node_id, status, last_seen_at) VALUES ('probe-lagos-01', 'reporting', now() - interval '1 hour');
  UPDATE nodes SET status = 'inactive', silent_since = last_seen_at WHERE node_id = 'probe-lagos-01';
  INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id,
                       tenant, country, region, probe_type, enrichment_status)
  SELECT now() - second * interval '1 second', now(), 5, 100, 0, gen_random_uuid(), 'probe-accra-01',
         'default', 'GH', 'r', 'ping', 'complete'
  FROM generate_series(1, 3) AS second;
  SELECT rollup_mark(array_agg(node_id::text), array_agg(time)) FROM metrics;
  SELECT rollup_refresh(1, 'infinity', 10)`;

/** The statements of docs/query/timescaledb.sql, each with the question in its first comment line. */
const queries = readFileSync(
  new URL("../../../docs/query/timescaledb.sql", import.meta.url),
  "utf8",
)
  .split(/\n\n(?=-- )/)
  .slice(1)
  .map((text) => [text.slice(3, text.indexOf("\n")), text] as const);

const EMPTY = /stopped sending|different content|far is the sink/;

describe("the example queries", () => {
  it.each(queries)("answer for a reader: %s", async (question, sql) => {
    const { rows } = await client.query(sql);
    expect(rows.length > 0).toBe(!EMPTY.test(question));
  });
});

describe("the dashboards' queries to the database", () => {
  beforeAll(() => client.query(`RESET ROLE; ${FOR_DASHBOARDS}; SET ROLE fiberstream_reader`));

  it.each(queriesOf("timescaledb"))("return rows for a reader: %s", async (sql) => {
    expect((await client.query(sql)).rows.length).toBeGreaterThan(0);
  });
});

describe("the runbooks' statements", () => {
  const statementsOf = (page: string) => {
    const text = readFileSync(new URL(`../../../docs/runbooks/${page}`, import.meta.url), "utf8");
    return [...text.matchAll(/```sql\n([^]*?)```/g)].flatMap(([, block = ""]) =>
      block.split(";\n").filter((statement) => statement.trim() !== ""),
    );
  };
  const pages = ["database-pressure.md", "backups.md", "wraparound.md", "update-timescaledb.md"];

  it.each(pages.flatMap((page) => statementsOf(page).map((sql) => [page, sql] as const)))(
    "of %s run: %s",
    async (_, sql) => {
      // Some want to be the first of their session.
      const own = new pg.Client({ connectionString: database.url });
      await own.connect();
      try {
        await own.query(sql);
      } finally {
        await own.end();
      }
    },
  );
});
