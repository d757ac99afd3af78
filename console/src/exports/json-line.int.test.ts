import { createPool, type PgPool } from "@fiberstream/postgres/pool";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readColumns } from "../questions/table-columns.ts";
import { eventFields } from "../routes/events/event-fields.ts";
import { insertEvents } from "../service-tests/console-fixture.ts";
import { jsonLine } from "./json-line.ts";

let life: Life;
let pool: PgPool;
beforeAll(async () => {
  life = createLife();
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  const log = createLog({ service: "test", level: "silent", format: "json" });
  pool = life.own(
    createPool({ databaseUrl: database.url, applicationName: "test", maxConnections: 1, log }),
    (owned) => owned.end(),
  );
  // Columns of an operator, of types and with names that nobody expects.
  await pool.query(
    `ALTER TABLE metrics ADD COLUMN "It's ""odd""" text, ADD COLUMN tags text[], ADD COLUMN day date, ADD COLUMN ratio real,
                         ADD COLUMN exact numeric, ADD COLUMN large bigint, ADD COLUMN raw bytea, ADD COLUMN doc json`,
  );
  for (let number = 0; number < 60; number++) {
    await pool.query(`ALTER TABLE metrics ADD COLUMN more_${number} integer DEFAULT ${number}`);
  }
  await insertEvents(pool, { node: "plain", count: 3 });
  for (const latency of ["NaN", "Infinity", "-Infinity", "1e-300", "0.1", "-0", "12345678.9"]) {
    await insertEvents(pool, { node: `of ${latency}`, count: 1 });
    await pool.query(
      `UPDATE metrics SET latency_ms = $1, ratio = $2, exact = 'NaN', rtts_ms = ARRAY[1.5, NULL, 'NaN'], sent = 3,
         packet_loss_spike = true, source_region = E'\\u0001"\\\\\\/\\n\\t\\u2028é\\U0001F600', "It's ""odd""" = 'a''b',
         tags = ARRAY['x"y', NULL], day = '2026-11-28', large = 9007199254740993, raw = '\\xff00', doc = '{"a":  [1, 2]}',
         metadata = '{"big": 12345678901234567890, "text": "\\u00e9\\n"}'
       WHERE node_id = $3`,
      [latency, latency === "1e-300" ? "0" : latency, `of ${latency}`],
    );
  }
});
afterAll(() => life.stop());

describe("a line of an export", () => {
  it("is what row_to_json makes of the row, whatever is in it", async () => {
    const columns = await readColumns(pool, "metrics");
    const { rows } = await pool.query<{ line: string; expected: string }>(
      `SELECT ${jsonLine(columns)} AS line,
              (SELECT row_to_json(answered)::text FROM (SELECT ${eventFields(columns)}) AS answered) AS expected
       FROM metrics`,
    );
    expect(rows).toHaveLength(10);
    for (const { line, expected } of rows) expect(line).toBe(expected);
  });
});
