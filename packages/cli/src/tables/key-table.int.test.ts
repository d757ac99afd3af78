import { createKeyTable, type KeyTable, type NewKey } from "@fiberstream/access/key-table";
import { createTenantLimits } from "@fiberstream/access/tenant-limits";
import { isKeyIdOf, readKeyIdSecret } from "@fiberstream/postgres/key-ids";
import { createPool } from "@fiberstream/postgres/pool";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { renderKeys } from "../commands/keys/list.ts";
import { renderRotated } from "../commands/keys/rotate.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
let life: Life;
let table: KeyTable;
let sql: ReturnType<typeof createPool>;

beforeAll(async () => {
  life = createLife();
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  const options = { databaseUrl: database.url, applicationName: "test", maxConnections: 2, log };
  sql = life.own(createPool(options), (owned) => owned.end());
  table = createKeyTable(sql);
});
afterAll(() => life.stop());
beforeEach(() => sql.query("TRUNCATE api_keys"));

const key = (changes: Partial<NewKey> = {}): NewKey => ({
  tenant: "acme",
  node_pattern: "acme-*",
  rate_per_second: 100,
  burst: 1_000,
  requires_signature: false,
  expires_at: null,
  jwt_subject: null,
  note: null,
  ...changes,
});

describe("fiber keys", () => {
  it("lists and rotates a key that expires at infinity like one that never expires", async () => {
    const { row } = await table.create(key());
    await sql.query("UPDATE api_keys SET expires_at = 'infinity'");
    expect(renderKeys(await table.list({ isRevokedToo: false }))).toMatch(/secret +good/);
    const { row: next } = await table.rotate(row.key_id, { keepOldSeconds: 60 });
    expect(next.expires_at).toBeNull();
    await sql.query("UPDATE api_keys SET expires_at = '-infinity'");
    expect(renderKeys(await table.list({ isRevokedToo: false }))).toMatch(/expired/);
  });

  it("creates a token whose secret is not in the database", async () => {
    const { row, token = "" } = await table.create(key({ note: "airport" }));
    expect(token).toMatch(new RegExp(`^fs_${row.key_id}_[A-Za-z0-9_-]{43}$`));
    const { rows } = await sql.query<{ text: string }>(
      "SELECT api_keys::text AS text FROM api_keys",
    );
    expect(JSON.stringify(rows)).not.toContain(token.slice(-43));
    const text = renderKeys(await table.list({ isRevokedToo: false }));
    expect(text).toMatch(/acme +acme-\* +10000 +100\/s, 1000 at once +secret +good +airport/);
    expect(text).not.toContain(token.slice(-43));
  });

  it("shows and changes the number of nodes of a key, and a rotated key inherits it", async () => {
    const { row } = await table.create(key({ max_nodes: 7 }));
    expect(renderKeys([row])).toMatch(/acme-\* +7 +100/);
    expect(await table.setMaxNodes(row.key_id, 9)).toMatchObject({ max_nodes: 9 });
    const rotated = await table.rotate(row.key_id, { keepOldSeconds: 60 });
    expect(rotated.row.max_nodes).toBe(9);
    await expect(table.setMaxNodes("none", 9)).rejects.toThrow("there is no key none");
  });

  it.each([
    ["acme-*", "acme-7"],
    ["acme-*", "acme-accra-*"],
    ["acme-*", "a*"],
    ["acme-7", "*"],
    ["acme-7", "acme-7"],
    ["ac_me*", "ac_me%*"],
    ["ü*", "üb*"],
  ])("gives no other tenant nodes of %s with %s", async (ours, theirs) => {
    await table.create(key({ node_pattern: ours }));
    const other = table.create(key({ tenant: "zeta", node_pattern: theirs }));
    await expect(other).rejects.toThrow(/matches nodes of another tenant/);
    await expect(table.create(key({ node_pattern: theirs }))).resolves.toBeDefined();
  });

  it.each([
    ["acme-7", "acme-70"],
    ["acme-*", "acme"],
    ["acme-*", "acme.*"],
    ["acme-*", "ACME-*"],
  ])("gives another tenant %s next to %s", async (ours, theirs) => {
    await table.create(key({ node_pattern: ours }));
    await expect(
      table.create(key({ tenant: "zeta", node_pattern: theirs })),
    ).resolves.toBeDefined();
  });

  it("lets one of two tenants succeed that claim the same nodes at the same time", async () => {
    const both = await Promise.allSettled([
      table.create(key()),
      table.create(key({ tenant: "zeta" })),
    ]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  });

  it("frees the nodes of a revoked key, and keeps the time of the revocation", async () => {
    const { row } = await table.create(key());
    const revoked = await table.revoke(row.key_id);
    expect(await table.revoke(row.key_id)).toEqual(revoked);
    await table.create(key({ tenant: "zeta" }));
    expect(await table.list({ isRevokedToo: false })).toMatchObject([{ tenant: "zeta" }]);
    expect(await table.list({ isRevokedToo: true, tenant: "acme" })).toMatchObject([
      { key_id: row.key_id },
    ]);
    await expect(table.revoke("missing1")).rejects.toThrow("there is no key missing1");
  });

  it("rotates a key: the new one has the same permissions, the old one expires as required", async () => {
    const { row: old, token } = await table.create(key({ requires_signature: true }));
    const created = await table.rotate(old.key_id, { keepOldSeconds: 3_600 });
    expect(created.token).not.toBe(token);
    expect(created.row).toMatchObject({
      node_pattern: "acme-*",
      requires_signature: true,
      expires_at: null,
    });
    const [oldNow] = await table.list({ isRevokedToo: false });
    expect(oldNow?.expires_at?.getTime()).toBeGreaterThan(Date.now() + 3_500_000);
    await table.revoke(old.key_id);
    await expect(table.rotate(old.key_id, { keepOldSeconds: 0 })).rejects.toThrow(/is revoked/);
  });

  it("shows when a rotated key expires, and whether that is inherited", async () => {
    const end = new Date(Date.now() + 120_000);
    const { row: old } = await table.create(key({ expires_at: end }));
    const inherited = await table.rotate(old.key_id, { keepOldSeconds: 60 });
    expect(inherited.row.expires_at).toEqual(end);
    expect(renderRotated(inherited, true)).toContain(
      `It expires at ${end.toISOString()}, like the old key; set another time with --expires-in.`,
    );
    const options = { keepOldSeconds: 60, expiresInSeconds: 86_400 };
    const longer = await table.rotate(inherited.row.key_id, options);
    expect(longer.row.expires_at?.getTime()).toBeGreaterThan(Date.now() + 86_000_000);
    expect(renderRotated(longer, false)).toMatch(/It expires at [^,]+\.\n$/);
  });

  it("creates keys without a secret, one for each JWT subject", async () => {
    const { token, row } = await table.create(key({ jwt_subject: "relay-7" }));
    expect(token).toBeUndefined();
    await expect(table.create(key({ jwt_subject: "relay-7" }))).rejects.toThrow(/already/);
    await expect(table.rotate(row.key_id, { keepOldSeconds: 0 })).rejects.toThrow(/has no secret/);
  });

  it("stores one limit for each tenant, which can be changed and removed", async () => {
    const { set, remove, list } = createTenantLimits(sql);
    await set({ tenant: "acme", rate_per_second: 10, burst: 100 });
    await set({ tenant: "acme", rate_per_second: 20, burst: 200 });
    await set({ tenant: "zeta", rate_per_second: 5, burst: 50 });
    expect(await list()).toEqual([
      { tenant: "acme", rate_per_second: 20, burst: 200 },
      { tenant: "zeta", rate_per_second: 5, burst: 50 },
    ]);
    await remove("zeta");
    await expect(remove("zeta")).rejects.toThrow(/has no limit of its own/);
    expect(await list()).toHaveLength(1);
  });

  it("creates another key for a subject whose key was revoked", async () => {
    const { row } = await table.create(key({ jwt_subject: "relay-7" }));
    await table.revoke(row.key_id);
    const again = await table.create(key({ jwt_subject: "relay-7" }));
    expect(again.row.key_id).not.toBe(row.key_id);
    await expect(table.create(key({ jwt_subject: "relay-7" }))).rejects.toThrow(/already/);
  });

  it("tags the ids of keys, so that gateways recognize invented ids", async () => {
    const { row } = await table.create(key());
    const secret = await readKeyIdSecret(sql);
    expect(isKeyIdOf(secret, row.key_id)).toBe(true);
    const other = isKeyIdOf(
      secret,
      row.key_id.replace(/.$/, (last) => (last === "2" ? "3" : "2")),
    );
    expect(other).toBe(false);
  });
});
