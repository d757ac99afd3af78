import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { insertEvents, insertNode, startTestConsole, type TestConsole } from "./console-fixture.ts";

type Problem = { code: string; detail: string; request_id: string; errors?: { field: string }[] };
type Node = { node_id: string; revision: number; display_name: string | null; status: string };
type NodeBody = { data: Node };
type NodesBody = { data: Node[]; meta: { next_cursor: string | null } };

let life: Life;
let running: TestConsole;
beforeAll(async () => {
  life = createLife();
  running = await startTestConsole(life);
});
afterAll(() => life.stop());

const problemOf = async (answer: Response) => {
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  return (await answer.json()) as Problem;
};
const json = (method: string, body: unknown, headers: Record<string, string> = {}) => ({
  method,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});

describe("nodes", () => {
  it("are created, read, changed by their revision and deleted", async () => {
    const created = await running.ask(
      "/api/v1/nodes",
      json("POST", {
        node_id: "accra-7",
        country: "GH",
        lat: 5.6,
        lng: -0.2,
        tags: { site: "airport" },
      }),
    );
    expect(created.status).toBe(201);
    const { data } = (await created.json()) as NodeBody;
    expect(data).toMatchObject({
      node_id: "accra-7",
      status: "registered",
      tags: { site: "airport" },
    });
    const again = await running.ask("/api/v1/nodes", json("POST", { node_id: "accra-7" }));
    expect([again.status, (await problemOf(again)).code]).toEqual([409, "NODE_EXISTS"]);

    const read = await running.ask("/api/v1/nodes/accra-7");
    const etag = read.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"1-/);
    const unchanged = await running.ask("/api/v1/nodes/accra-7", {
      headers: { "if-none-match": etag },
    });
    expect([unchanged.status, await unchanged.text()]).toEqual([304, ""]);

    const patch = (body: unknown, headers: Record<string, string>) =>
      running.ask("/api/v1/nodes/accra-7", json("PATCH", body, headers));
    expect((await patch({ display_name: "Airport" }, {})).status).toBe(428);
    const changed = await patch({ display_name: "Airport", lat: null }, { "if-match": etag });
    expect(changed.status).toBe(200);
    expect(await changed.json()).toMatchObject({
      data: { display_name: "Airport", lat: null, revision: 2 },
    });
    const late = await patch({ display_name: "Other" }, { "if-match": '"1"' });
    expect([late.status, (await problemOf(late)).detail]).toEqual([
      412,
      expect.stringContaining("revision 2"),
    ]);
    expect((await patch({ node_name: "x" }, { "if-match": '"2"' })).status).toBe(422);
    expect((await patch({}, { "if-match": '"2"' })).status).toBe(422);

    const deleted = await running.ask("/api/v1/nodes/accra-7", { method: "DELETE" });
    expect(await deleted.json()).toMatchObject({ data: { status: "deleted" } });
    const { data: left } = await running.answer<NodesBody>("/api/v1/nodes");
    expect(left.map(({ node_id: id }) => id)).not.toContain("accra-7");
    expect((await running.ask("/api/v1/nodes/none", { method: "DELETE" })).status).toBe(404);
  });

  it("are listed page by page, and searched", async () => {
    for (const node of ["list-1", "list-2", "list-3"]) await insertNode(running.pool, node);
    const seen: string[] = [];
    let cursor: string | null = "";
    for (let page = 0; cursor !== null && page < 5; page++) {
      const parameter: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const { data, meta }: NodesBody = await running.answer(
        `/api/v1/nodes?q=LIST-&limit=2${parameter}`,
      );
      seen.push(...data.map(({ node_id: id }) => id));
      cursor = meta.next_cursor;
    }
    expect(seen).toEqual(["list-1", "list-2", "list-3"]);
  });

  it("reject a cursor of another question, or one that was edited", async () => {
    const { meta } = await running.answer<NodesBody>("/api/v1/nodes?q=list-&limit=1");
    const cursor = meta.next_cursor ?? "";
    for (const path of [
      `/api/v1/nodes?cursor=${cursor}`,
      `/api/v1/nodes?q=list-&cursor=A${cursor.slice(1)}`,
    ]) {
      const answer = await running.ask(path);
      expect([answer.status, (await problemOf(answer)).code]).toEqual([422, "INVALID_CURSOR"]);
    }
  });
});

describe("the reference system's routes", () => {
  it("return events with their envelope, the newest first, and numbers as they were sent", async () => {
    await insertNode(running.pool, "reference-1");
    await insertEvents(running.pool, { node: "reference-1", count: 5 });
    const body = await running.answer<{ data: { metrics: { latency_ms: number }[] } }>(
      "/api/metrics?node_id=reference-1&limit=2&offset=1",
    );
    expect(body).toMatchObject({
      status: "ok",
      data: {
        count: 2,
        limit: 2,
        offset: 1,
        order: "time DESC",
        metrics: [
          {
            node_id: "reference-1",
            country: "GH",
            region: "Accra",
            latency_ms: 11,
            packet_loss: 0,
          },
          { latency_ms: 12 },
        ],
      },
    });
    const text = await (await running.ask("/api/metrics?node_id=reference-1&limit=1")).text();
    expect(text).toContain('"big": 12345678901234567890');
    const ofAll = await running.answer<{ data: { count: number } }>("/api/metrics?limit=3");
    expect(ofAll.data.count).toBe(3);
    const past = await running.answer<{ data: { count: number } }>(
      "/api/metrics?start_time=2026-01-01T00:00:00&end_time=2026-01-02T00:00:00Z",
    );
    expect(past.data.count).toBe(0);
  });

  it("register, list and delete nodes", async () => {
    const node = {
      node_id: "reference-2",
      status: "registered",
      country: "KE",
      region: "Nairobi",
      lat: 0,
      lng: 1,
    };
    const created = await running.ask("/api/nodes", json("POST", node));
    expect([created.status, await created.json()]).toEqual([
      201,
      { status: "created", message: "Node registered successfully" },
    ]);
    expect((await running.ask("/api/nodes", json("POST", node))).status).toBe(409);
    expect((await running.ask("/api/nodes", json("POST", { ...node, lat: 91 }))).status).toBe(422);
    const { data } = await running.answer<{ data: object[] }>("/api/nodes");
    expect(data).toContainEqual({ ...node, last_seen: null });
    expect((await running.ask("/api/nodes/reference-2", { method: "DELETE" })).status).toBe(200);
    const after = await running.answer<{ data: object[] }>("/api/nodes");
    expect(JSON.stringify(after.data)).not.toContain("reference-2");
  });
});

describe("a question that is not answered", () => {
  it.each([
    ["/api/v1/nodes?limit=0", 422, "INVALID_PARAMETER"],
    ["/api/v1/nodes?limit=x", 422, "INVALID_PARAMETER"],
    ["/api/v1/nodes?limt=5", 422, "INVALID_PARAMETER"],
    ["/api/v1/nodes?q=a&q=b", 422, "INVALID_PARAMETER"],
    ["/api/v1/nodes/none", 404, "NO_SUCH_NODE"],
    ["/api/v1/nodes/a%00b", 422, "INVALID_PARAMETER"],
    ["/api/v1/nodes/%ff", 400, "MALFORMED_HTTP"],
    ["/api/v1/nodes/", 404, "NOT_FOUND"],
    ["/api/metrics?start_time=yesterday", 422, "INVALID_PARAMETER"],
    ["/api/metrics?offset=1000000", 422, "INVALID_PARAMETER"],
    ["/none", 404, "NOT_FOUND"],
  ])("gets a problem document: %s", async (path, status, code) => {
    const answer = await running.ask(path, { headers: { "x-request-id": "abc" } });
    expect(answer.status).toBe(status);
    expect(await problemOf(answer)).toMatchObject({ status, code, request_id: "abc" });
  });

  it("gets one for its method and its body, too", async () => {
    const method = await running.ask("/api/v1/nodes", { method: "PUT" });
    expect([method.status, method.headers.get("allow")]).toEqual([405, "GET, HEAD, POST"]);
    const cases = [
      [{ body: "{", headers: { "content-type": "application/json" } }, 400],
      [{ body: "{}", headers: { "content-type": "text/plain" } }, 415],
      [
        { body: `{"a":"${"x".repeat(70_000)}"}`, headers: { "content-type": "application/json" } },
        413,
      ],
    ] as const;
    for (const [init, status] of cases) {
      const answer = await running.ask("/api/v1/nodes", { method: "POST", ...init });
      expect(answer.status).toBe(status);
      await problemOf(answer);
    }
  });

  it("comes from a page of another origin, whatever name leads to the console", async () => {
    const answer = await running.ask("/api/v1/nodes", {
      headers: { origin: "https://evil.example" },
    });
    expect((await problemOf(answer)).code).toBe("ORIGIN_NOT_ALLOWED");
  });

  it.each(["cross-site", "same-site"])("comes from an image of a page that is %s", async (site) => {
    // Not by fetch, which sets this header itself.
    const asked = get(`${running.service.url}/api/v1/nodes`, {
      headers: { "sec-fetch-site": site },
    });
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(403);
  });
});

describe("the console", () => {
  it("describes its routes from the schemas by which it checks requests", async () => {
    const document = (await (await running.ask("/openapi.json")).json()) as {
      openapi: string;
      paths: Record<string, Record<string, { parameters: object[] }>>;
    };
    expect(document.openapi).toBe("3.1.0");
    expect(document.paths["/api/v1/nodes"]?.["get"]?.parameters).toContainEqual(
      expect.objectContaining({
        name: "limit",
        schema: { type: "integer", minimum: 1, maximum: 1000, default: 100 },
      }),
    );
    const page = await running.ask("/docs");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(await page.text()).toContain("GET /api/v1/nodes");
  });

  it("lets browsers take no answer for anything but what it is, nor show one in a frame", async () => {
    for (const path of [
      "/docs",
      "/openapi.json",
      "/api/v1/nodes",
      "/api/v1/export?format=csv",
      "/x",
    ]) {
      const { headers, body } = await running.ask(path);
      await body?.cancel();
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("content-security-policy")).toMatch(
        /^default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'/,
      );
    }
  });

  it("has limits in its answers, and metrics of its questions", async () => {
    const answer = await running.ask("/api/v1/nodes");
    expect(answer.headers.get("ratelimit")).toMatch(/^"questions";r=\d+;t=\d+$/);
    expect(answer.headers.get("ratelimit-policy")).toBe('"questions";q=1000;w=10');
    const metrics = await (await fetch(`${running.service.adminUrl}/metrics`)).text();
    expect(metrics).toMatch(
      /question_duration_seconds_count\{operation="listNodes",status="200"\} [1-9]/,
    );
  });

  it("has no right on a whole table but to read, and to end what people and tenants may do", async () => {
    const { rows } = await running.pool.query<{ statement: string }>(
      `SELECT privilege_type || ' ' || table_name AS statement FROM information_schema.table_privileges
       WHERE grantee = 'fiberstream_console' AND privilege_type <> 'SELECT' ORDER BY 1`,
    );
    expect(rows.map(({ statement }) => statement)).toEqual([
      "DELETE grants",
      "DELETE login_codes",
      "DELETE one_time_links",
      "DELETE sessions",
      "DELETE sign_in_failures",
      "DELETE tenant_limits",
      "DELETE used_logout_tokens",
    ]);
  });
});

describe("with AUTH_MODE=keys", () => {
  it("answers only who has a reader key, within its rights and its rate", async () => {
    const { createReaderKey, revokeReaderKey } =
      await import("@fiberstream/access/reader-key-table");
    const own = createLife();
    const keyed = await startTestConsole(own, { AUTH_MODE: "keys", KEY_MAX_AGE_MS: "100" });
    const key = (change: object) =>
      createReaderKey(keyed.pool, {
        tenant: null,
        may_change_nodes: false,
        rate_per_second: 1,
        burst: 5,
        note: null,
        expires_at: null,
        ...change,
      });
    const ask = (token: string, init: { method?: string; body?: string } = {}) =>
      keyed.ask("/api/v1/nodes", {
        ...init,
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      });
    const codeOf = async (answer: Response) => [answer.status, (await problemOf(answer)).code];
    try {
      expect(await codeOf(await keyed.ask("/api/v1/nodes"))).toEqual([401, "MISSING_TOKEN"]);
      const reader = await key({});
      expect((await ask(reader.token)).status).toBe(200);
      expect(await codeOf(await ask(`${reader.token.slice(0, -2)}zz`))).toEqual([
        401,
        "INVALID_TOKEN",
      ]);
      expect(await codeOf(await ask(reader.token, json("POST", { node_id: "x" })))).toEqual([
        403,
        "NOT_ALLOWED",
      ]);
      const editor = await key({ may_change_nodes: true });
      const created = await ask(editor.token, json("POST", { node_id: "x" }));
      expect(created.status).toBe(201);
      // Neither a free id nor one of another tenant: the answers must not tell which there are.
      const ofTenant = await key({ tenant: "acme", may_change_nodes: true });
      for (const id of ["x", "y"]) {
        const refused = await ask(ofTenant.token, json("POST", { node_id: id }));
        expect(await codeOf(refused)).toEqual([403, "NOT_ALLOWED"]);
      }
      const expired = await key({ expires_at: new Date(0) });
      expect(await codeOf(await ask(expired.token))).toEqual([401, "EXPIRED_TOKEN"]);
      const statuses: number[] = [];
      for (let at = 0; at < 6; at++) statuses.push((await ask(reader.token)).status);
      expect(statuses).toContain(429);
      await revokeReaderKey(keyed.pool, editor.row.key_id);
      await until(async () => (await ask(editor.token)).status === 401, {
        what: "the key is revoked",
      });
    } finally {
      await own.stop();
    }
  });

  it("does not start with AUTH_MODE=open on an address that others reach", async () => {
    const { startService } = await import("@fiberstream/testkit/service");
    const open = await startService(
      "console",
      { DATABASE_URL: running.databaseUrl, HOST: "0.0.0.0" },
      { awaitReady: false },
    );
    await until(() => open.logs().includes("AUTH_MODE=open is only for a loopback address"), {
      what: "the reason is logged",
    });
    await open.kill();
  });
});

describe("a question that the database answers too slowly", () => {
  it("is stopped, and told so; the next one is answered", async () => {
    const own = createLife();
    const slow = await startTestConsole(own, { QUERY_TIMEOUT_MS: "300" });
    try {
      await insertNode(slow.pool, "locked");
      const client = await slow.pool.connect();
      await client.query("BEGIN; LOCK TABLE nodes IN ACCESS EXCLUSIVE MODE");
      const answer = await slow.ask("/api/v1/nodes");
      await client.query("ROLLBACK");
      client.release();
      expect([answer.status, (await problemOf(answer)).code]).toEqual([503, "TOO_SLOW"]);
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
      expect((await slow.ask("/api/v1/nodes")).status).toBe(200);
      const metrics = await (await fetch(`${slow.service.adminUrl}/metrics`)).text();
      expect(metrics).toContain('fiberstream_console_refusals_total{problem="TOO_SLOW"} 1');
    } finally {
      await own.stop();
    }
  });
});
