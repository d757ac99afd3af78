import { createLogFixture, type LogFixture } from "@fiberstream/audit/testing/log-fixture";
import { appendEntry, inTransactionAs } from "@fiberstream/postgres/acting";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Asker } from "../../access/reader.ts";
import { EVERYTHING, scopeOf, type TenantScope } from "../../access/scope.ts";
import { createAsk } from "../../questions/ask.ts";
import { createCursors } from "../../questions/cursors.ts";
import type { Route } from "../route.ts";
import { listAuditRoute } from "./list-audit.ts";
import { verifyAuditRoute } from "./verify-audit.ts";

const AMA = "7d1c0000-0000-4000-8000-000000000001";
let log: LogFixture;
let list: Route;
let verify: Route;
beforeAll(async () => {
  log = await createLogFixture();
  list = listAuditRoute({ ask: createAsk(log.pool), cursors: createCursors(Buffer.alloc(32, 1)) });
  verify = verifyAuditRoute({ pool: log.pool });
  await log.run("INSERT INTO users (user_id, kind, name) VALUES ($1, 'local', 'Ama')", [AMA]);
  // The log itself begins after what made the user.
  const ama = { kind: "user", id: AMA, address: "192.0.2.7" } as const;
  for (const tenant of ["acme", "other"]) {
    await inTransactionAs(log.pool, ama, async (client) => {
      const node = { objectKind: "node", tenant };
      const moved = { before: { tenant: "secret-tenant", city: null }, after: { city: "Accra" } };
      await appendEntry(client, {
        ...node,
        ...moved,
        action: "node.changed",
        object: `${tenant}-1`,
      });
      await appendEntry(client, { ...node, action: "node.deleted", object: `${tenant}-2` });
      const key = { objectKind: "key", object: `${tenant}key`, tenant };
      await appendEntry(client, { ...key, action: "key.created", outcome: "denied", reason: "no" });
    });
  }
});
afterAll(() => log.end());

async function ask<Body>(route: Route, scope: TenantScope, query: object = {}): Promise<Body> {
  const question = route.check({ path: {}, query: { ...query }, body: undefined, headers: {} });
  const answer = await question.answer({ scope } as Asker);
  if (!("body" in answer)) throw new Error("the answer is streamed");
  const body: unknown = JSON.parse(answer.body.toString());
  route.success.schema.parse(body);
  return body as Body;
}
type Page = {
  data: { seq: number; action: string; object: string; tenant: string | null }[];
  meta: { next_cursor: string | null };
};
const objects = async (scope: TenantScope, query: object = {}) =>
  (await ask<Page>(list, scope, query)).data.map(({ object }) => object);

const ACME = scopeOf([{ tenant: "acme", nodes: "*" }]);

describe("GET /api/v1/audit", () => {
  it("shows everything to who may see everything, the newest first, with who acted", async () => {
    const { data } = await ask<Page>(list, EVERYTHING, { limit: "3" });
    expect(data).toMatchObject([
      { action: "key.created", object: "otherkey", outcome: "denied", reason: "no" },
      { action: "node.deleted", object: "other-2" },
      { action: "node.changed", object: "other-1", actor_name: "Ama", address: "192.0.2.7" },
    ]);
  });

  it("shows an auditor of a tenant its entries only, without what is the platform's or another's", async () => {
    const { data } = await ask<Page>(list, ACME);
    expect(data.map(({ object }) => object)).toEqual(["acmekey", "acme-2", "acme-1"]);
    expect(data.at(-1)).toMatchObject({
      actor: AMA,
      actor_name: null,
      address: null,
      database_role: null,
      before: { city: null },
    });
    expect(JSON.stringify(data)).not.toMatch(/secret-tenant|other|192\.0\.2/);
    expect(await objects(ACME, { tenant: "other" })).toEqual([]);
    expect(await objects(scopeOf([{ tenant: "acme", nodes: "acme-1" }]))).toEqual(["acme-1"]);
    expect(await objects({ grants: [] })).toEqual([]);
  });

  it("filters by actor, action, object, outcome, tenant and time", async () => {
    expect(await objects(EVERYTHING, { actor: AMA, action: "node." })).toEqual([
      "other-2",
      "other-1",
      "acme-2",
      "acme-1",
    ]);
    expect(await objects(EVERYTHING, { action: "node.deleted", tenant: "acme" })).toEqual([
      "acme-2",
    ]);
    expect(await objects(EVERYTHING, { object: "acme-1" })).toEqual(["acme-1"]);
    expect(await objects(EVERYTHING, { outcome: "denied", tenant: "acme" })).toEqual(["acmekey"]);
    expect(await objects(EVERYTHING, { to: "-1h" })).toEqual([]);
    expect((await objects(EVERYTHING, { from: "-1h" })).length).toBeGreaterThan(6);
  });

  it("goes through all pages by cursors, each entry once", async () => {
    const seen: number[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: Page = await ask<Page>(list, EVERYTHING, {
        limit: "4",
        ...(cursor !== "" && { cursor }),
      });
      seen.push(...page.data.map(({ seq }) => seq));
      cursor = page.meta.next_cursor;
    }
    expect(seen).toEqual(seen.map((_, at) => seen.length - at));
    await expect(ask(list, EVERYTHING, { cursor: "made-up" })).rejects.toMatchObject({
      code: "INVALID_CURSOR",
    });
  });
});

describe("GET /api/v1/audit/verify", () => {
  type Body = {
    data: { entries: number; next_from: number | null; findings: object[]; newest: number };
  };

  it("verifies the log in parts, and says which entry is wrong", async () => {
    const { data } = await ask<Body>(verify, EVERYTHING, { limit: "5" });
    expect(data).toMatchObject({ from: 1, entries: 5, next_from: 6, findings: [] });
    const rest = await ask<Body>(verify, EVERYTHING, { from: "6" });
    expect(rest.data).toMatchObject({ entries: data.newest - 5, next_from: null, findings: [] });
    await log.attack("UPDATE audit_log SET actor = 'u-2' WHERE object = 'acme-2'");
    const { data: wrong } = await ask<Body>(verify, EVERYTHING);
    expect(wrong).toMatchObject({ next_from: null, findings: [{ guard: "columns" }] });
  });

  it("is for those who may see all tenants", async () => {
    await expect(ask(verify, ACME)).rejects.toMatchObject({ code: "NOT_ALLOWED" });
  });
});
