import { query } from "@fiberstream/postgres/pool";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { copyBytes } from "./copy-bytes.ts";
import { createCopySlab } from "./copy-slab.ts";
import { METRIC_COLUMNS, type MetricEvent } from "./metric-row.ts";
import { writeMetricTuple } from "./metric-tuple.ts";
import { openSampleDatabase, type SampleDatabase } from "./testing/sample-database.ts";

let database: SampleDatabase;
beforeAll(async () => {
  database = await openSampleDatabase();
});
afterAll(() => database.close());

/** Any text that PostgreSQL can hold: all of Unicode but NUL. */
const text = (limits: { minLength?: number; maxLength: number }) =>
  fc.string({ unit: "grapheme", ...limits }).filter((value) => !value.includes("\0"));
const percent = fc.double({ min: 0, max: 100, noNaN: true, noDefaultInfinity: true });
/** From 1800 to 2200. */
const micros = fc.integer({ min: -5_364_662_400_000_000, max: 7_258_118_400_000_000 });

const event: fc.Arbitrary<MetricEvent> = fc.record({
  event_id: fc.uuid(),
  tenant: text({ maxLength: 20 }),
  node_id: text({ minLength: 1, maxLength: 10 }),
  country: text({ maxLength: 2 }),
  region: text({ maxLength: 100 }),
  latency_ms: fc.double(),
  uptime_pct: percent,
  packet_loss: percent,
  timestamp: micros,
  target_host: fc.option(text({ maxLength: 255 })),
  probe_type: text({ maxLength: 50 }),
  metadata: fc.option(
    fc.jsonValue({ maxDepth: 4, stringUnit: "grapheme" }).map((value) => JSON.stringify(value)),
  ),
  source_region: fc.option(text({ maxLength: 100 })),
  received_at: micros,
  enrichment_status: fc.constantFrom("unknown", "complete", "unavailable"),
});

describe("metric tuples", () => {
  it("come out of PostgreSQL as they went in, to the microsecond", async () => {
    // A plain copy of the table: dates from 1800 on would make a chunk each week.
    const table = "tuples";
    await database.pool.query(`CREATE TABLE ${table} (place integer, LIKE metrics)`);
    await database.pool.query(`CREATE SEQUENCE places`);
    await database.pool.query(`ALTER TABLE ${table} ALTER place SET DEFAULT nextval('places')`);
    const slab = createCopySlab({ initialBytes: 1_024 });

    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 20 }), async (events) => {
        slab.begin();
        for (const one of events) writeMetricTuple(slab, one);
        const client = await database.pool.connect();
        try {
          await client.query(`TRUNCATE ${table}`);
          await copyBytes(
            client,
            `COPY ${table} (${METRIC_COLUMNS.join(", ")}) FROM STDIN (FORMAT binary)`,
            slab.end(),
          );
          expect(await query(client, SELECT_EVENTS)).toEqual(events.map(asRow));
        } finally {
          client.release();
        }
      }),
      { numRuns: 50 },
    );
  });
});

const SELECT_EVENTS = `
  SELECT event_id, tenant, node_id, country, region, latency_ms, uptime_pct, packet_loss,
         (extract(epoch FROM time) * 1000000)::bigint::text AS timestamp,
         (extract(epoch FROM received_at) * 1000000)::bigint::text AS received_at,
         target_host, probe_type, metadata, source_region, enrichment_status
  FROM tuples ORDER BY place`;

const asRow = ({ timestamp, received_at, metadata, ...rest }: MetricEvent) => ({
  ...rest,
  timestamp: String(timestamp),
  received_at: String(received_at),
  metadata: metadata === null ? null : (JSON.parse(metadata) as unknown),
});
