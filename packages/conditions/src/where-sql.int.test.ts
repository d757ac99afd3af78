import { createPool, type PgPool } from "@fiberstream/postgres/pool";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { compileWhere } from "./where.ts";
import { type SqlField, whereAsSql } from "./where-sql.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
let pool: PgPool;
beforeAll(() => {
  const { databaseUrl } = addresses;
  pool = createPool({ databaseUrl, applicationName: "test", maxConnections: 1, log });
});
afterAll(() => pool.end());

type Row = {
  latency_ms: number | null;
  country: string;
  site: string | null;
  spike: boolean | null;
};
const ROWS: readonly Row[] = [
  { latency_ms: 0.5, country: "GH", site: "a", spike: false },
  { latency_ms: 250.5, country: "KE", site: null, spike: true },
  { latency_ms: null, country: "GH", site: "Accra", spike: null },
  { latency_ms: -3, country: "", site: "50%_\\", spike: true },
];
const FIELDS: Readonly<Record<string, SqlField>> = {
  latency_ms: { sql: "latency_ms", kind: "number" },
  country: { sql: "country", kind: "text" },
  site: { sql: "site", kind: "text" },
  spike: { sql: "spike", kind: "boolean" },
};

/** The countries and sites of the rows for which a condition is true, as the database finds them. */
async function found(text: string): Promise<boolean[]> {
  const values: (string | number)[] = [];
  const sql = whereAsSql(text, {
    fields: FIELDS,
    parameter: (value) => `$${values.push(value) + 1}`,
  });
  const { rows } = await pool.query<{ holds: boolean }>(
    `SELECT ${sql} AS holds FROM jsonb_to_recordset($1::jsonb)
       AS rows (latency_ms double precision, country text, site text, spike boolean)`,
    [JSON.stringify(ROWS), ...values],
  );
  return rows.map(({ holds }) => holds);
}

describe("a condition as SQL", () => {
  it.each([
    "latency_ms > 200",
    "latency_ms >= 0.5 and latency_ms < 250.5",
    "latency_ms = null",
    "latency_ms != null and not spike",
    "not latency_ms > 200",
    "spike",
    "not spike",
    "!spike or latency_ms <= -3",
    "spike = null or spike = false",
    "spike == true && country in ['KE', 'NG', null]",
    "site in [null]",
    "country in []",
    "site in ['a', 7]",
    "country = 7",
    "site = null",
    "country > 'GH'",
    "country < 'gh'",
    "site < 'b'",
    "latency_ms * 2 - 1 > 0",
    "-latency_ms > 2",
    "latency_ms % 2 = 0.5",
    "latency_ms / 2 + 1 <= 1.25",
    "abs(latency_ms) = 3",
    "has(site, 'cc') or has(site, '%_')",
    "has(site, '')",
    "starts(lower(site), 'acc')",
    "lower(site) = ''",
    "null = null",
    "null",
    "1 < 2 and null < 2 or 'a' < 'b'",
    "latency_ms + time('1970-01-01T00:00:00.000001Z') = 1.5",
    `country = "'; DROP TABLE metrics; --"`,
  ])("is true for the same rows as for records: %s", async (text) => {
    const condition = compileWhere(text, { names: Object.keys(FIELDS) });
    const expected = ROWS.map((row) => condition((name) => row[name as keyof Row]));
    expect(await found(text)).toEqual(expected);
  });

  it.each([
    ["latncy_ms > 2", "there is no field latncy_ms. Fields: latency_ms, country"],
    ["latency_ms >", "cannot be parsed"],
    ["latency_ms", "alone is not a condition"],
    ['latency_ms > "200"', "a number cannot be compared with a text by >"],
    ["spike < true", "both have to be numbers, or texts"],
    ["latency_ms + 'a' > 1", "a text is not a number"],
    ["eval('1')", "there is no function eval(). Functions: time"],
    ["constructor.constructor('1')()", "there is no"],
    ["country.length = 1", "a nested field"],
    ["abs(1, 2) = 1", "abs() takes 1 values, not 2"],
    ["latency_ms ^ 2 = 1", "has ^, which is not supported"],
    ["this = 1", "which is not supported"],
    ['time("noon") > 1', "is not a time"],
    ["time(country) > 1", "takes a text in quotes"],
    ['country in "GH"', "in needs a list"],
    ["country = 'a\0'", "has a NUL character"],
    [`country = "${"x".repeat(2_000)}"`, "more than 2000 characters"],
  ])("is rejected with a reason: %s", async (text, message) => {
    await expect(found(text)).rejects.toThrow(message);
  });
});
