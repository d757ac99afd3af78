import { createPool } from "@fiberstream/postgres/pool";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import { createKey } from "./key-table.ts";
import { createKeyUseFailures, startKeyUses } from "./key-uses.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
let life: Life;
let sql: ReturnType<typeof createPool>;
let keyId: string;

beforeAll(async () => {
  life = createLife();
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  const options = { databaseUrl: database.url, applicationName: "test", maxConnections: 2, log };
  sql = life.own(createPool(options), (owned) => owned.end());
  const { row } = await createKey(sql, {
    tenant: "acme",
    node_pattern: "acme-*",
    rate_per_second: 1,
    burst: 1,
    requires_signature: false,
    expires_at: null,
    jwt_subject: null,
    note: null,
  });
  keyId = row.key_id;
});
afterAll(() => life.stop());

const uses = async () =>
  (
    await sql.query<{ key_id: string; last_used_at: Date }>(
      "SELECT key_id, last_used_at FROM key_uses",
    )
  ).rows;
const failures = async (registry: Registry) =>
  (await registry.getSingleMetric("fiberstream_key_use_failures_total")?.get())?.values[0]?.value;

describe("the use of a key", () => {
  it("is written later, once for many requests, and not for ids that are no keys", async () => {
    const own = createLife();
    const note = startKeyUses({
      pool: sql,
      failures: createKeyUseFailures(new Registry()),
      writeEveryMs: 20,
      life: own,
      log,
    });
    for (let request = 0; request < 1_000; request++) note(keyId);
    note("invented");
    const [first] = await until(async () => ((await uses()).length > 0 ? uses() : undefined), {
      what: "the use is written",
    });
    expect(first).toMatchObject({ key_id: keyId });
    // Within half a minute the row stays as it is.
    note(keyId);
    await own.stop();
    expect(await uses()).toEqual([first]);
  });

  it("stays noted while it cannot be written, and is written at the stop", async () => {
    await sql.query("DELETE FROM key_uses; ALTER FUNCTION record_key_uses RENAME TO moved");
    const own = createLife();
    const registry = new Registry();
    const note = startKeyUses({
      pool: sql,
      failures: createKeyUseFailures(registry),
      writeEveryMs: 20,
      life: own,
      log,
    });
    note(keyId);
    await until(async () => Number(await failures(registry)) > 0, { what: "a write has failed" });
    await sql.query("ALTER FUNCTION moved RENAME TO record_key_uses");
    await own.stop();
    expect(await uses()).toMatchObject([{ key_id: keyId }]);
  });
});
