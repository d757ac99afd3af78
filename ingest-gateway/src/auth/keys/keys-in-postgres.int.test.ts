import { createKeyTable } from "@fiberstream/access/key-table";
import { createPool, type PgPool } from "@fiberstream/postgres/pool";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readKeyInPostgres } from "./keys-in-postgres.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
let life: Life;
let pool: PgPool;
beforeAll(async () => {
  life = createLife();
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  // As a server may be set up: dates that the client's parser would take for none.
  const options = encodeURIComponent("-c DateStyle=German");
  pool = life.own(
    createPool({
      databaseUrl: `${database.url}?options=${options}`,
      applicationName: "test",
      maxConnections: 1,
      log,
    }),
    (owned) => owned.end(),
  );
});
afterAll(() => life.stop());

/** A key of which `change` is true. */
const keyWith = async (change: string) => {
  const { row } = await createKeyTable(pool).create({
    tenant: "acme",
    node_pattern: "acme-*",
    rate_per_second: 1,
    burst: 1,
    requires_signature: false,
    expires_at: null,
    jwt_subject: null,
    note: null,
  });
  await pool.query(`UPDATE api_keys SET ${change} WHERE key_id = $1`, [row.key_id]);
  return readKeyInPostgres(pool, { column: "key_id", value: row.key_id });
};

describe("a key in PostgreSQL", () => {
  it.each([
    ["note = 'good'", { expiresAtMs: null, isRevoked: false }],
    ["expires_at = 'infinity'", { expiresAtMs: null, isRevoked: false }],
    ["expires_at = '-infinity'", { expiresAtMs: 0, isRevoked: false }],
    [
      "expires_at = '2026-11-24 12:00:00+00'",
      { expiresAtMs: Date.UTC(2026, 10, 24, 12), isRevoked: false },
    ],
    ["revoked_at = now()", { expiresAtMs: null, isRevoked: true }],
    ["revoked_at = '-infinity'", { expiresAtMs: null, isRevoked: true }],
  ])("is read with all of its values: %s", async (change, expected) => {
    expect(await keyWith(change)).toMatchObject(expected);
  });
});
