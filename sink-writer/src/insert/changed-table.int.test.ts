import { randomBytes } from "node:crypto";
import { inTransaction } from "@fiberstream/postgres/pool";
import type { RecordField } from "@fiberstream/schemas/avro-schema";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { openSampleDatabase, type SampleDatabase } from "../testing/sample-database.ts";
import { rowsOf, sampleEvent, sampleSchema } from "../testing/sample-rows.ts";
import { readTableLayout, type TableLayout } from "../tuples/table-layout.ts";
import { createInsertRows } from "./insert-rows.ts";

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
  const landings = await landingOf(layout, events, prepare);
  for (const { refused } of landings) expect(refused).toEqual(new Map());
};
const landingOf = async (
  layout: TableLayout,
  events: readonly EnrichedProbeMetric[],
  prepare?: (client: Client) => Promise<unknown>,
) => {
  const insertRows = createInsertRows({ layout, countBytes: () => undefined });
  const rows = await rowsOf(events, layout);
  // As the owner: what a default needs, such as a sequence, is for who adds it to grant.
  const inserted = await inTransaction(database.owner, async (client) => {
    await prepare?.(client);
    return insertRows(client, rows);
  });
  return inserted.map(({ result }) => result);
};
/** Every write of a row that `where` is true of fails with this SQLSTATE. */
const refusing = (sqlState: string, where = "true") => `
  CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '${sqlState}'; END $$;
  CREATE TRIGGER refuse BEFORE INSERT ON metrics
    FOR EACH ROW WHEN (${where}) EXECUTE FUNCTION refuse()`;
const events = (count: number) => Array.from({ length: count }, () => sampleEvent());
const stored = () => database.valueOf("SELECT count(*)::int FROM metrics");

describe("a table with a column of an operator", () => {
  it.each(['"siteName" text', '"select" text', '"a ""b""" double precision'])(
    "accepts rows by COPY and by the staging table, with that column empty: %s",
    async (column) => {
      await database.owner.query(`ALTER TABLE metrics ADD COLUMN ${column}`);
      const layout = await layoutNow();
      const old = events(2);
      await landIn(layout, old);
      await landIn(layout, [...old, ...events(2)]);
      expect(await stored()).toBe(4);
    },
  );

  it("accepts rows if the table now computes a column itself", async () => {
    await database.owner.query(`
      DROP VIEW IF EXISTS metrics_latest, metrics_enriched CASCADE;
      ALTER TABLE metrics DROP COLUMN latency_z;
      ALTER TABLE metrics ADD COLUMN latency_z double precision GENERATED ALWAYS AS (latency_ms / 2) STORED`);
    await landIn(await layoutNow(), [sampleEvent({ latency_ms: 8, latency_z: 1 })]);
    expect(await database.valueOf("SELECT latency_z FROM metrics")).toBe(4);
  });

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

  it("accepts duplicates if the column is added while the sink runs, also on a new connection", async () => {
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

it("leaves duplicates out in a database in which others may not create temporary tables", async () => {
  await database.owner.query(`
    DO $$ BEGIN
      EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    END $$`);
  const layout = await layoutNow();
  const insertRows = createInsertRows({ layout, countBytes: () => undefined });
  const event = sampleEvent();
  const rows = await rowsOf([event, event], layout);
  const inserted = await inTransaction(database.pool, (client) => insertRows(client, rows));
  expect(inserted.reduce((sum, { result }) => sum + result.repeats, 0)).toBe(1);
});

describe("a row that the table rejects while it accepts others", () => {
  it.each(["P0001", "0A000", "54001", "38000"])(
    "is isolated although its SQLSTATE is not listed: %s",
    async (sqlState) => {
      const layout = await layoutNow();
      await database.owner.query(refusing(sqlState, "NEW.region = 'culprit'"));
      const rows = events(20);
      rows[7] = sampleEvent({ region: "culprit" });
      const [result] = await landingOf(layout, rows);
      expect([...(result?.refused.keys() ?? [])]).toEqual([7]);
      expect(result?.refused.get(7)?.reason.message).toContain(`SQLSTATE ${sqlState}`);
      expect(await stored()).toBe(19);
    },
  );

  it("is isolated if it is alone in its write", async () => {
    const layout = await layoutNow();
    await database.owner.query(refusing("P0001", "NEW.region = 'culprit'"));
    const [result] = await landingOf(layout, [sampleEvent({ region: "culprit" })]);
    expect(result?.refused.size).toBe(1);
    expect(await stored()).toBe(0);
  });

  it("is isolated if it does not fit into an index", async () => {
    const layout = await layoutNow();
    await database.owner.query("CREATE INDEX ON metrics (region)");
    const wide = randomBytes(6_000).toString("base64");
    const [result] = await landingOf(layout, [...events(5), sampleEvent({ region: wide })]);
    expect(result?.refused.get(5)?.reason.message).toContain("SQLSTATE 54000");
    expect(await stored()).toBe(5);
  });

  it("is dead-lettered with all rows of its write, if all are bad and the table accepts a good one", async () => {
    const layout = await layoutNow();
    const bad = Array.from({ length: 150 }, () => sampleEvent({ region: "a\0b" }));
    const [result] = await landingOf(layout, bad);
    expect(result?.refused.size).toBe(150);
    expect(await stored()).toBe(0);
    await landIn(layout, events(2));
  });
});

describe("a fault of the table", () => {
  it("stops the sink if a column's type is changed while it runs", async () => {
    const layout = await layoutNow();
    await database.owner.query(`
      DROP VIEW IF EXISTS metrics_latest, metrics_enriched CASCADE;
      ALTER TABLE metrics ALTER COLUMN latency_z TYPE real`);
    await expect(landIn(layout, [sampleEvent({ latency_z: 1.5 })])).rejects.toMatchObject({
      name: "FatalError",
      message: expect.stringMatching(/22P03.*Restart the sink/) as unknown,
    });
  });

  it.each([1, 101])("stops the sink if the table rejects all rows: %i", async (count) => {
    const layout = await layoutNow();
    await database.owner.query("ALTER TABLE metrics ADD CHECK (latency_ms < 0) NOT VALID");
    await expect(landIn(layout, events(count))).rejects.toMatchObject({
      name: "FatalError",
      message: expect.stringMatching(/rejects every row: 23514/) as unknown,
    });
  });

  it.each(["P0001", "54000"])(
    "makes the sink retry if the table rejects all rows with SQLSTATE %s, which does not say what is at fault",
    async (sqlState) => {
      const layout = await layoutNow();
      await database.owner.query(refusing(sqlState));
      await expect(landIn(layout, events(3))).rejects.toMatchObject({
        name: "TransientError",
        message: expect.stringContaining(sqlState) as unknown,
      });
    },
  );

  it("is distinguished from bad rows if a constraint rejects the sink's own example row", async () => {
    const layout = await layoutNow();
    await database.owner.query("ALTER TABLE metrics ADD CHECK (tenant = 'acme')");
    const own = { tenant: "acme" };
    await landIn(layout, [sampleEvent(own)]);
    const bad = Array.from({ length: 3 }, () => sampleEvent({ ...own, region: "a\0b" }));
    expect((await landingOf(layout, bad)).map(({ refused }) => refused.size)).toEqual([3]);
    expect(await stored()).toBe(1);
  });

  it("stops the sink if its types have changed so that values are too short", async () => {
    const layout = await layoutNow();
    await database.owner.query(`
      DROP VIEW IF EXISTS metrics_latest, metrics_enriched CASCADE;
      ALTER TABLE metrics ALTER COLUMN packet_loss_spike TYPE bigint USING NULL`);
    const rows = Array.from({ length: 3 }, () => sampleEvent({ packet_loss_spike: true }));
    await expect(landIn(layout, rows)).rejects.toMatchObject({
      name: "FatalError",
      message: expect.stringMatching(/08P01.*Restart the sink/) as unknown,
    });
  });

  it("does not dead-letter rows when the staging table has used up its sequence", async () => {
    const layout = await layoutNow();
    const old = events(4);
    await landIn(layout, old);
    const useUp = (client: Client) =>
      client.query(`
        SELECT setval(seqrelid, seqmax) FROM pg_sequence
        WHERE seqrelid = pg_get_serial_sequence('metrics_staging', 'staging_seq')::regclass`);
    await landIn(layout, old);
    await expect(landIn(layout, [...old, ...events(4)], useUp)).rejects.toMatchObject({
      name: "TransientError",
    });
    await landIn(layout, [...old, ...events(4)]);
    expect(await stored()).toBe(8);
  });

  it("numbers staged rows beyond the range of an integer", async () => {
    const layout = await layoutNow();
    const [old, conflict] = [sampleEvent(), sampleEvent()];
    await landIn(layout, [old, conflict]);
    await landIn(layout, [old]);
    const seen = [old, { ...conflict, latency_ms: 1 }, ...events(4)];
    await landIn(layout, seen, (client) =>
      client.query(
        "SELECT setval(pg_get_serial_sequence('metrics_staging', 'staging_seq'), 2147483645)",
      ),
    );
    expect(await stored()).toBe(6);
    expect(await database.valueOf("SELECT record_offset::int FROM metric_conflicts")).toBe(101);
  });
});

describe("a field of content that got its column later", () => {
  const field: RecordField = {
    name: "unheard_of_ms",
    type: ["null", "double"],
    doc: "How much the round-trip time varies.",
    setBy: "probe",
    role: "content",
    default: null,
  };
  const schema = { ...sampleSchema, fields: [...sampleSchema.fields, field] };
  const landNow = async (event: EnrichedProbeMetric, unheard_of_ms: number | null) => {
    const layout = await readTableLayout(database.pool, schema);
    const withField = { ...event, unheard_of_ms };
    const rows = await rowsOf([withField], layout, undefined, undefined, schema);
    const insertRows = createInsertRows({ layout, countBytes: () => undefined });
    const inserted = await inTransaction(database.pool, async (client) => {
      // As after a restart, which a sink needs to see a new column: the staging table ends with its connection.
      await client.query("DISCARD TEMP");
      return insertRows(client, rows);
    });
    return inserted[0]?.result;
  };

  it("is compared if both rows have it", async () => {
    const [event, without] = [sampleEvent(), sampleEvent()];
    expect(await landNow(event, 3.5)).toMatchObject({ copied: 1 });
    expect(await landNow(without, null)).toMatchObject({ copied: 1 });
    expect(await landNow(event, 3.5)).toMatchObject({ repeats: 1, conflicts: 0 });
    expect(await landNow(event, 4)).toMatchObject({ repeats: 0, conflicts: 1 });
    await database.owner.query("DELETE FROM metric_conflicts");
    await database.owner.query("ALTER TABLE metrics ADD COLUMN unheard_of_ms double precision");
    expect(await landNow(event, 3.5)).toMatchObject({ repeats: 1, conflicts: 0 });
    expect(await landNow(event, null)).toMatchObject({ repeats: 0, conflicts: 1 });
    expect(await landNow(without, null)).toMatchObject({ repeats: 1, conflicts: 0 });
    const later = sampleEvent();
    expect(await landNow(later, 0.1)).toMatchObject({ copied: 1 });
    expect(await landNow(later, 0.1)).toMatchObject({ repeats: 1, conflicts: 0 });
    expect(await landNow(later, 0.2)).toMatchObject({ repeats: 0, conflicts: 1 });
  });
});
