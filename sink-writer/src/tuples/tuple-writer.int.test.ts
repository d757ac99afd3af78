import { query } from "@fiberstream/postgres/pool";
import { ok } from "@fiberstream/runtime/outcome";
import type { RecordField, RecordSchema } from "@fiberstream/schemas/avro-schema";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import fc from "fast-check";
import { copyRows } from "../insert/copy-rows.ts";
import { createRowBuffer, type RowBuffer } from "../rows/row-buffer.ts";
import { createReadRows } from "../rows/row-reader.ts";
import { openSampleDatabase, type SampleDatabase } from "../testing/sample-database.ts";
import { anyEvent } from "../testing/sample-events.ts";
import {
  batchOf,
  recordOf,
  sampleEvent,
  sampleSchema,
  sampleType,
} from "../testing/sample-rows.ts";
import { columnList, NOT_STORED, readTableLayout, type TableLayout } from "./table-layout.ts";

let database: SampleDatabase;
let layout: TableLayout;
beforeAll(async () => {
  database = await openSampleDatabase();
  layout = await readTableLayout(database.owner, sampleSchema);
  // Plain copies of the table: dates from 1800 on would make a chunk each week.
  for (const table of ["generated", "plain"]) {
    await database.owner.query(
      `CREATE TABLE ${table} (LIKE metrics, place integer GENERATED ALWAYS AS IDENTITY)`,
    );
  }
});
afterAll(() => database.close());

type Event = EnrichedProbeMetric & Record<string, unknown>;

const withFields = (change: (fields: RecordField[]) => RecordField[]): RecordSchema => ({
  ...sampleSchema,
  fields: change(structuredClone(sampleSchema.fields)),
});
const newField = (name: string, type: RecordField["type"], value: unknown): RecordField => ({
  name,
  type,
  doc: "",
  default: value,
});

/** Writers that Avro lets this version read. */
const WRITERS: Readonly<Record<string, RecordSchema>> = {
  "of this version": sampleSchema,
  "of an older one, with fewer fields": withFields((fields) =>
    fields.filter(
      ({ name }) => !/^(probe_type|metadata|quality|latency_(mean|z)|anomaly)/.test(name),
    ),
  ),
  "of a newer one, with more": withFields((fields) => [
    newField("hops", ["null", "long"], null),
    ...fields,
    newField("unheard_of_ms", "double", 0),
    newField("path", { type: "map", values: "string" }, {}),
  ]),
  "with the fields in another order": withFields((fields) => fields.toReversed()),
  "with a number that Avro promotes": withFields((fields) =>
    fields.map((field) => (field.name === "packet_loss" ? { ...field, type: "float" } : field)),
  ),
};
const rounded = (event: EnrichedProbeMetric): Event => ({
  ...event,
  packet_loss: Math.fround(event.packet_loss),
  hops: 2 ** 40,
  unheard_of_ms: 1.5,
  path: { "1": "a" },
});

describe("rows of generated writers", () => {
  it.each(Object.entries(WRITERS))(
    "are what decoding and inserting gives, %s",
    async (_name, writerSchema) => {
      const writerType = avsc.Type.forSchema(writerSchema as avsc.Schema);
      const readRows = rowsWrittenBy(writerType);
      const rows = createRowBuffer({ initialBytes: 16, initialRows: 1 });
      const none = createRowBuffer({ initialBytes: 16, initialRows: 1 });

      const events = fc.array(anyEvent.map(rounded), { minLength: 1, maxLength: 20 });
      const property = fc.asyncProperty(events, async (batch) => {
        const encoded = batch.map((event) => writerType.toBuffer(event));
        rows.begin();
        const records = encoded.map((avro) => recordOf(avro, 7));
        expect(await readRows([batchOf(records)], { unseen: rows, seen: none })).toEqual([]);
        await database.owner.query("TRUNCATE generated, plain");
        await copy(rows);
        await insert(encoded.map((avro) => plainRow(avro, writerType)));
        const select = (table: string) =>
          query(database.owner, `SELECT ${SHOWN} FROM ${table} AS t ORDER BY place`);
        expect(await select("generated")).toEqual(await select("plain"));
      });
      await fc.assert(property, { numRuns: 20 });
    },
  );

  it("keep a whole number of 64 bits exactly in a field without a column", async () => {
    const newer = withFields((fields) => [
      ...fields,
      newField("measured_ns", ["null", "long"], null),
    ]);
    const readRows = rowsWrittenBy(avsc.Type.forSchema(newer as avsc.Schema));
    const rows = createRowBuffer({ initialBytes: 16, initialRows: 1 });
    const none = createRowBuffer({ initialBytes: 16, initialRows: 1 });
    rows.begin();
    // 1790000000123456789, as a producer in another language writes it.
    const measured = Buffer.from("02aab4f6b485e1add731", "hex");
    const records = [recordOf(Buffer.concat([sampleType.toBuffer(sampleEvent({})), measured]), 7)];
    expect(await readRows([batchOf(records)], { unseen: rows, seen: none })).toEqual([]);
    await database.owner.query("TRUNCATE generated");
    await copy(rows);
    expect(await query(database.owner, "SELECT extra::text FROM generated")).toEqual([
      { extra: '{"measured_ns": 1790000000123456789}' },
    ]);
  });
});

const rowsWrittenBy = (writerType: avsc.Type) =>
  createReadRows({
    registry: { writerType: async () => ok(writerType) },
    readerSchema: sampleSchema,
    layout,
    recent: { addAndTest: () => false, forget: () => undefined },
  });

async function copy(rows: RowBuffer): Promise<void> {
  const client = await database.owner.connect();
  try {
    const sql = `COPY generated (${columnList(layout)}) FROM STDIN (FORMAT binary)`;
    await copyRows(client, sql, rows.bytes(0, rows.count()));
  } finally {
    client.release();
  }
}

/** As text, so that microseconds, -0 and NaN are compared too. */
const SHOWN = "(to_jsonb(t) - 'place')::text AS row, t.latency_ms::text, t.time::text";

/** The row by the plain way: Avro's schema resolution, one value for each column. */
function plainRow(avro: Buffer, writerType: avsc.Type): Record<string, unknown> {
  const written = writerType.fromBuffer(avro) as Event;
  const event = sampleType.fromBuffer(avro, sampleType.createResolver(writerType)) as Event;
  const isNew = ([name]: [string, unknown]) =>
    !NOT_STORED.has(name) && !layout.columns.some(({ field }) => field === name);
  const extra = Object.fromEntries(Object.entries(written).filter(isNew));
  return { ...event, extra: Object.keys(extra).length > 0 ? JSON.stringify(extra) : null };
}

async function insert(rows: readonly Record<string, unknown>[]): Promise<void> {
  const names = [...layout.columns.map(({ field }) => field), "extra"];
  const values = names.map((name, index) =>
    name === "timestamp" || name === "received_at"
      ? `'epoch'::timestamptz + $${index + 1}::bigint * interval '1 microsecond'`
      : `$${index + 1}`,
  );
  for (const row of rows) {
    await database.owner.query(
      `INSERT INTO plain (${columnList(layout)}) VALUES (${values.join(", ")})`,
      // The client would write -0 as 0.
      names.map((name) => (Object.is(row[name], -0) ? "-0" : row[name])),
    );
  }
}
