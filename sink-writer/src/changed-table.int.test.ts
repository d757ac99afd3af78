import { inTransaction } from "@fiberstream/postgres/pool";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createLandRows } from "./land-rows.ts";
import { openSampleDatabase, type SampleDatabase } from "./testing/sample-database.ts";
import { readTableLayout, type TableLayout } from "./table-layout.ts";
import { rowsOf, sampleEvent, sampleSchema } from "./testing/sample-rows.ts";

let database: SampleDatabase;
beforeEach(async () => {
  database = await openSampleDatabase();
});
afterEach(() => database.close());

type Client = { query: (sql: string) => Promise<unknown> };
const layoutNow = () => readTableLayout(database.owner, sampleSchema);
const landIn = async (
  layout: TableLayout,
  events: readonly EnrichedProbeMetric[],
  prepare?: (client: Client) => Promise<unknown>,
) => {
  const landRows = createLandRows({ layout, countBytes: () => undefined });
  const rows = await rowsOf(events, layout);
  // As the owner: what a default needs, such as a sequence, is for who adds it to grant.
  const landed = await inTransaction(database.owner, async (client) => {
    await prepare?.(client);
    return landRows(client, rows);
  });
  for (const { landing } of landed) expect(landing.refused).toEqual(new Map());
};
const events = (count: number) => Array.from({ length: count }, () => sampleEvent());
const stored = () => database.valueOf("SELECT count(*)::int FROM metrics");

describe("a table with a column of somebody else's", () => {
  it.each([
    "inserted_at timestamptz NOT NULL DEFAULT now()",
    "row_id bigserial",
    "checked bool NOT NULL DEFAULT false",
    "row_no bigint GENERATED ALWAYS AS IDENTITY",
    "latency_s double precision NOT NULL GENERATED ALWAYS AS (latency_ms / 1000) STORED",
  ])("takes rows by both ways, and fills it itself: %s", async (column) => {
    await database.owner.query(`ALTER TABLE metrics ADD COLUMN ${column}`);
    const layout = await layoutNow();
    const old = events(2);
    await landIn(layout, old);
    await landIn(layout, [...old, ...events(2)]);
    expect(await stored()).toBe(4);
    const name = column.split(" ")[0];
    expect(await database.valueOf(`SELECT count(${name})::int FROM metrics`)).toBe(4);
  });

  it("takes repeats when it comes while the sink runs, on a new connection too", async () => {
    const layout = await layoutNow();
    const old = events(2);
    await landIn(layout, old);
    await database.owner.query(
      "ALTER TABLE metrics ADD COLUMN inserted_at timestamptz NOT NULL DEFAULT now()",
    );
    await landIn(layout, [...old, ...events(2)]);
    expect(await stored()).toBe(4);
  });
});

it("repeats are left out in a database where nobody else may make temporary tables", async () => {
  await database.owner.query(`
    DO $$ BEGIN
      EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    END $$`);
  const layout = await layoutNow();
  const landRows = createLandRows({ layout, countBytes: () => undefined });
  const event = sampleEvent();
  const rows = await rowsOf([event, event], layout);
  const landed = await inTransaction(database.pool, (client) => landRows(client, rows));
  expect(landed.reduce((sum, { landing }) => sum + landing.repeats, 0)).toBe(1);
});

describe("a fault of the table", () => {
  it("stops the sink where a column's type was changed while it ran", async () => {
    const layout = await layoutNow();
    await database.owner.query(`
      DROP VIEW IF EXISTS metrics_latest, metrics_enriched CASCADE;
      ALTER TABLE metrics ALTER COLUMN latency_z TYPE real`);
    await expect(landIn(layout, [sampleEvent({ latency_z: 1.5 })])).rejects.toMatchObject({
      name: "FatalError",
      message: expect.stringMatching(/22P03.*Restart the sink/) as unknown,
    });
  });

  it("stops the sink where it refuses all of many rows for the same reason", async () => {
    const layout = await layoutNow();
    await database.owner.query("ALTER TABLE metrics ADD CHECK (latency_ms < 0) NOT VALID");
    await expect(landIn(layout, events(101))).rejects.toMatchObject({
      name: "FatalError",
      message: expect.stringMatching(/all 101 rows.*23514/) as unknown,
    });
  });

  it("does not put rows aside when the staging table has used up its numbers", async () => {
    const layout = await layoutNow();
    const old = events(4);
    await landIn(layout, old);
    const useUp = (client: Client) =>
      client.query(`
        SELECT setval(seqrelid, seqmax) FROM pg_sequence
        WHERE seqrelid = pg_get_serial_sequence('metrics_staging', 'place')::regclass`);
    await landIn(layout, old);
    await expect(landIn(layout, [...old, ...events(4)], useUp)).rejects.toMatchObject({
      name: "TransientError",
    });
    await landIn(layout, [...old, ...events(4)]);
    expect(await stored()).toBe(8);
  });

  it("numbers staged rows past what an integer takes", async () => {
    const layout = await layoutNow();
    const [old, conflict] = [sampleEvent(), sampleEvent()];
    await landIn(layout, [old, conflict]);
    await landIn(layout, [old]);
    const again = [old, { ...conflict, latency_ms: conflict.latency_ms + 1 }, ...events(4)];
    await landIn(layout, again, (client) =>
      client.query("SELECT setval(pg_get_serial_sequence('metrics_staging', 'place'), 2147483645)"),
    );
    expect(await stored()).toBe(6);
    expect(await database.valueOf("SELECT record_offset::int FROM metric_conflicts")).toBe(101);
  });
});
