import { createKey } from "@fiberstream/access/key-table";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startTestConsole, type TestConsole } from "./console-fixture.ts";
import { insertUser, person, sending, type TestPerson } from "./askers-fixture.ts";

type Body = {
  data: Record<string, unknown> & { version: string };
  code?: string;
  detail?: string;
  token?: string;
  link?: { path: string };
};
type Asked = { status: number; body: Body; etag: string };

let life: Life;
let running: TestConsole;
let admin: TestPerson;
let ofAcme: TestPerson;
let ofZone: TestPerson;
beforeAll(async () => {
  life = createLife();
  running = await startTestConsole(life, { AUTH_MODE: "keys" }, { hasOwnRole: true });
  admin = await person(running.pool, { role: "admin" });
  ofAcme = await person(running.pool, { role: "admin", tenant: "acme" });
  ofZone = await person(running.pool, { role: "admin", tenant: "acme", nodes: "acme-zone-*" });
});
afterAll(() => life.stop());

async function ask(
  who: TestPerson,
  method: string,
  path: string,
  { body, ifMatch }: { body?: unknown; ifMatch?: string } = {},
): Promise<Asked> {
  const headers = { ...who.headers, ...(ifMatch !== undefined && { "if-match": ifMatch }) };
  const init = body === undefined ? { method, headers } : sending(method, body, headers);
  const answer = await running.ask(`/api/v1${path}`, init);
  return {
    status: answer.status,
    body: (await answer.json()) as Body,
    etag: answer.headers.get("etag") ?? "",
  };
}
const codeOf = ({ status, body }: Asked) => [status, body.code];
const entries = async (action: string) =>
  (
    await running.pool.query<{ actor: string; object: string; shown: string }>(
      `SELECT actor, object, concat(before, after) AS shown FROM audit_log WHERE action = $1 ORDER BY seq DESC`,
      [action],
    )
  ).rows;

describe("keys", () => {
  it("are created with a token that is shown once, changed by their version, rotated and revoked", async () => {
    const created = await ask(admin, "POST", "/keys", {
      body: { tenant: "acme", node_pattern: "acme-*", rate_per_second: 5, note: "relay" },
    });
    expect(created.status).toBe(201);
    const id = String(created.body.data["key_id"]);
    expect(created.body.token).toMatch(new RegExp(`^fs_${id}_`));
    expect(created.body.data).toMatchObject({ burst: 50, max_nodes: 10_000, last_used_at: null });

    const read = await ask(admin, "GET", `/keys/${id}`);
    expect(JSON.stringify(read.body)).not.toContain(created.body.token?.slice(-43));
    const change = { rate_per_second: 7, max_nodes: 3 };
    expect(codeOf(await ask(admin, "PATCH", `/keys/${id}`, { body: change }))).toEqual([
      428,
      "REVISION_REQUIRED",
    ]);
    const changed = await ask(admin, "PATCH", `/keys/${id}`, { body: change, ifMatch: read.etag });
    expect(changed.body.data).toMatchObject(change);
    expect(
      codeOf(await ask(admin, "PATCH", `/keys/${id}`, { body: change, ifMatch: read.etag })),
    ).toEqual([412, "REVISION_CHANGED"]);
    expect((await entries("key.changed"))[0]).toMatchObject({ actor: admin.userId, object: id });

    const rotated = await ask(admin, "POST", `/keys/${id}/rotate`, { body: {} });
    expect(rotated.body.data).toMatchObject({ rate_per_second: 7, tenant: "acme" });
    expect(rotated.body.token).not.toBe(created.body.token);
    const old = await ask(admin, "GET", `/keys/${id}`);
    expect(Date.parse(String(old.body.data["expires_at"]))).toBeGreaterThan(
      Date.now() + 86_000_000,
    );

    const revoked = await ask(admin, "DELETE", `/keys/${id}`);
    expect(revoked.body.data["revoked_at"]).not.toBeNull();
    expect(JSON.stringify(await entries("key.created"))).not.toContain('secret_sha256": "\\\\x');
    const again = { body: { rate_per_second: 1 }, ifMatch: revoked.etag };
    expect(codeOf(await ask(admin, "PATCH", `/keys/${id}`, again))).toEqual([409, "WRONG_STATE"]);
  });

  it("say when they were last used", async () => {
    const { row } = await createKey(running.pool, {
      tenant: "acme",
      node_pattern: "acme-used",
      rate_per_second: 1,
      burst: 1,
      requires_signature: false,
      jwt_subject: null,
      expires_at: null,
      note: null,
    });
    await running.pool.query("SELECT record_key_uses($1)", [[row.key_id]]);
    const { body, etag } = await ask(admin, "GET", `/keys/${row.key_id}`);
    expect(body.data["last_used_at"]).toMatch(/^20/);
    // A use is no change.
    await running.pool.query("UPDATE key_uses SET last_used_at = now() + interval '1 minute'");
    const change = { body: { note: "in use" }, ifMatch: etag };
    expect((await ask(admin, "PATCH", `/keys/${row.key_id}`, change)).status).toBe(200);
  });

  it("of an administrator of one tenant stay within its nodes, and tell nothing of others", async () => {
    await ask(admin, "POST", "/keys", { body: { tenant: "zebra", node_pattern: "zebra-*" } });
    const give = (who: TestPerson, pattern: string, tenant = "acme") =>
      ask(who, "POST", "/keys", { body: { tenant, node_pattern: pattern } });
    const [taken, free] = [await give(ofAcme, "zebra-1"), await give(ofAcme, "nobody-1")];
    expect([codeOf(taken), taken.body.detail]).toEqual([[403, "NOT_ALLOWED"], free.body.detail]);
    expect(codeOf(await give(ofAcme, "zebra-2", "zebra"))).toEqual([403, "NOT_ALLOWED"]);
    expect((await give(ofAcme, "acme-7")).status).toBe(201);
    expect(codeOf(await give(ofZone, "acme-7"))).toEqual([403, "NOT_ALLOWED"]);
    expect((await give(ofZone, "acme-zone-7")).status).toBe(201);
    expect(codeOf(await give(admin, "acme-9", "zebra"))).toEqual([409, "NODES_TAKEN"]);
    const listed = await ask(ofZone, "GET", "/keys");
    expect(JSON.stringify(listed.body)).toContain("acme-zone-7");
    expect(JSON.stringify(listed.body)).not.toMatch(/"acme-\*"|zebra/);
  });
});

describe("reader keys", () => {
  it("are created, changed, rotated and revoked, and never for more than the administrator sees", async () => {
    expect(codeOf(await ask(ofAcme, "POST", "/reader-keys", { body: { tenant: null } }))).toEqual([
      403,
      "NOT_ALLOWED",
    ]);
    // It would read all nodes of the tenant.
    expect(codeOf(await ask(ofZone, "POST", "/reader-keys", { body: { tenant: "acme" } }))).toEqual(
      [403, "NOT_ALLOWED"],
    );
    const created = await ask(ofAcme, "POST", "/reader-keys", { body: { tenant: "acme" } });
    const id = String(created.body.data["key_id"]);
    const nodes = await running.ask("/api/v1/nodes", {
      headers: { authorization: `Bearer ${created.body.token}` },
    });
    expect(nodes.status).toBe(200);
    const { etag } = await ask(ofAcme, "GET", `/reader-keys/${id}`);
    const change = { body: { rate_per_second: 3, burst: 30 }, ifMatch: etag };
    expect((await ask(ofAcme, "PATCH", `/reader-keys/${id}`, change)).body.data).toMatchObject({
      rate_per_second: 3,
      burst: 30,
    });
    expect((await ask(ofAcme, "POST", `/reader-keys/${id}/rotate`, { body: {} })).status).toBe(201);
    expect((await ask(ofAcme, "DELETE", `/reader-keys/${id}`)).status).toBe(200);
  });
});

describe("users", () => {
  it("are created with a link instead of a password, disabled by their version, and reset", async () => {
    const created = await ask(admin, "POST", "/users", {
      body: { name: "ama", grants: [{ role: "viewer", tenant: "acme" }] },
    });
    expect(created.status).toBe(201);
    expect(created.body.link?.path).toMatch(/^\/sign-in\/link\?code=[\w-]{43}$/);
    const id = String(created.body.data["user_id"]);
    expect(codeOf(await ask(admin, "POST", "/users", { body: { name: "AMA" } }))).toEqual([
      409,
      "NAME_TAKEN",
    ]);
    const { etag } = await ask(admin, "GET", `/users/${id}`);
    const disabled = await ask(admin, "PATCH", `/users/${id}`, {
      body: { disabled: true },
      ifMatch: etag,
    });
    expect(disabled.body.data["disabled_at"]).not.toBeNull();
    expect(codeOf(await ask(admin, "POST", `/users/${id}/reset`))).toEqual([409, "WRONG_STATE"]);
    await ask(admin, "PATCH", `/users/${id}`, {
      body: { disabled: false },
      ifMatch: disabled.etag,
    });
    const reset = await ask(admin, "POST", `/users/${id}/reset`);
    expect(reset.body.link?.path).not.toBe(created.body.link?.path);
    const { rows } = await running.pool.query("SELECT FROM one_time_links WHERE user_id = $1", [
      id,
    ]);
    expect(rows).toHaveLength(1);
    expect((await entries("user.created")).map(({ actor }) => actor)).toContain(admin.userId);
  });

  it("are granted nothing above the grants of who grants", async () => {
    const id = await insertUser(running.pool, { grants: [{ role: "viewer", tenant: "acme" }] });
    const grant = (who: TestPerson, body: object) =>
      ask(who, "POST", `/users/${id}/grants`, { body });
    for (const [who, above] of [
      [ofAcme, { role: "viewer" }],
      [ofAcme, { role: "viewer", tenant: "zebra" }],
      [ofZone, { role: "viewer", tenant: "acme" }],
      [ofZone, { role: "viewer", tenant: "acme", node_pattern: "acme-*" }],
    ] as const) {
      expect(codeOf(await grant(who, above))).toEqual([403, "NOT_ALLOWED"]);
    }
    const given = await grant(ofAcme, { role: "operator", tenant: "acme" });
    expect(given.status).toBe(201);
    expect(
      (await ask(ofAcme, "DELETE", `/grants/${String(given.body.data["grant_id"])}`)).status,
    ).toBe(200);
  });

  it("of another tenant do not exist for an administrator, and those of both cannot be disabled", async () => {
    const grants = [{ role: "viewer", tenant: "zebra" }] as const;
    const other = await insertUser(running.pool, { name: "bea@zebra", grants });
    const nobody = "0b7a3c5e-1111-4222-8333-444455556666";
    for (const [method, rest, body] of [
      ["GET", "", undefined],
      ["POST", "/reset", undefined],
      ["POST", "/grants", { role: "viewer", tenant: "acme" }],
      ["DELETE", "/sessions", undefined],
      ["GET", "/sessions", undefined],
    ] as const) {
      const options = body === undefined ? {} : { body };
      const [there, made] = [
        await ask(ofAcme, method, `/users/${other}${rest}`, options),
        await ask(ofAcme, method, `/users/${nobody}${rest}`, options),
      ];
      expect([there.status, there.body.code, there.body.detail]).toEqual([
        404,
        made.body.code,
        made.body.detail,
      ]);
    }
    const both = await insertUser(running.pool, {
      grants: [...grants, { role: "viewer", tenant: "acme" }],
    });
    const seen = await ask(ofAcme, "GET", `/users/${both}`);
    expect(seen.body.data).toMatchObject({ is_manageable: false, grants: [{ tenant: "acme" }] });
    const change = { body: { disabled: true }, ifMatch: seen.etag };
    expect(codeOf(await ask(ofAcme, "PATCH", `/users/${both}`, change))).toEqual([
      403,
      "NOT_ALLOWED",
    ]);
    // Names are of all tenants together.
    const create = (name: string) =>
      ask(ofAcme, "POST", "/users", {
        body: { name, grants: [{ role: "viewer", tenant: "acme" }] },
      });
    const [taken, free] = [await create("bea@zebra"), await create("bob@zebra")];
    expect([codeOf(taken), taken.body.detail]).toEqual([[403, "NOT_ALLOWED"], free.body.detail]);
    expect((await create("bob@acme")).status).toBe(201);
  });

  it("have one admin of everything at least, also when two remove each other at once", async () => {
    const second = await insertUser(running.pool, { grants: [{ role: "admin" }] });
    const list = await ask(admin, "GET", `/grants?user_id=${admin.userId}`);
    const own = (list.body.data as unknown as { grant_id: string }[])[0]?.grant_id ?? "";
    const { etag } = await ask(admin, "GET", `/users/${second}`);
    const results = await Promise.all([
      ask(admin, "DELETE", `/grants/${own}`),
      ask(admin, "PATCH", `/users/${second}`, { body: { disabled: true }, ifMatch: etag }),
    ]);
    expect(results.map(codeOf)).toContainEqual([409, "LAST_ADMIN"]);
    expect(results.map(({ status }) => status)).toContain(200);
    await running.pool.query(
      "INSERT INTO grants (user_id, role) VALUES ($1, 'admin') ON CONFLICT DO NOTHING",
      [admin.userId],
    );
  });
});

describe("limits and retention", () => {
  it("are changed only by an administrator of all tenants", async () => {
    const limit = { tenant: "acme", rate_per_second: 10 };
    expect(codeOf(await ask(ofAcme, "POST", "/tenant-limits", { body: limit }))).toEqual([
      403,
      "NOT_ALLOWED",
    ]);
    const created = await ask(admin, "POST", "/tenant-limits", { body: limit });
    expect(created.body.data).toMatchObject({ burst: 100 });
    await ask(admin, "POST", "/tenant-limits", { body: { tenant: "zebra", rate_per_second: 1 } });
    const seen = await ask(ofAcme, "GET", "/tenant-limits");
    expect(seen.body.data).toMatchObject([{ tenant: "acme" }]);
    expect(JSON.stringify(seen.body)).not.toContain("zebra");
    const ifMatch = `"${created.body.data.version}"`;
    const changed = await ask(admin, "PATCH", "/tenant-limits/acme", {
      body: { burst: 7 },
      ifMatch,
    });
    expect(changed.body.data).toMatchObject({ rate_per_second: 10, burst: 7 });
    expect((await ask(admin, "DELETE", "/tenant-limits/acme")).status).toBe(200);
    expect(codeOf(await ask(admin, "DELETE", "/tenant-limits/acme"))).toEqual([
      404,
      "NO_SUCH_OBJECT",
    ]);
  });

  it("never destroy each other, and are never shorter than deployed", async () => {
    const { body, etag: ifMatch } = await ask(admin, "GET", "/retention");
    expect(body.data).toMatchObject({ raw_days: 7, minutes_days: 30, least: { raw_days: 7 } });
    const set = (days: object) => ask(admin, "PATCH", "/retention", { body: days, ifMatch });
    const contradictory = await set({ raw_days: 31 });
    expect([codeOf(contradictory), contradictory.body.detail]).toEqual([
      [422, "INVALID_FIELD"],
      "RETENTION_MINUTES_DAYS (30) is less than RETENTION_RAW_DAYS (31): a roll-up cannot be dropped before what it is computed from",
    ]);
    expect((await set({ raw_days: 6 })).body.detail).toContain(
      "may not be kept for less than 7 days",
    );
    expect((await set({ raw_days: 20 })).body.data).toMatchObject({ raw_days: 20 });
    expect((await entries("retention.changed"))[0]).toMatchObject({ actor: admin.userId });
    expect(codeOf(await ask(ofAcme, "PATCH", "/retention", { body: { raw_days: 9 } }))).toEqual([
      403,
      "NOT_ALLOWED",
    ]);
  });
});

describe("an admin whose grant was taken away", () => {
  it("cannot give it back, although consoles know rights for a while", async () => {
    const former = await person(running.pool, { role: "admin" });
    expect((await ask(former, "GET", "/users")).status).toBe(200);
    await running.pool.query("DELETE FROM grants WHERE user_id = $1", [former.userId]);
    const given = await ask(former, "POST", `/users/${former.userId}/grants`, {
      body: { role: "admin", tenant: "*", node_pattern: "*" },
    });
    expect(codeOf(given)).toEqual([403, "NOT_ALLOWED"]);
  });
});
