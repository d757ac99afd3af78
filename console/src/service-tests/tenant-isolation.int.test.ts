import { randomUUID } from "node:crypto";
import { createReaderKey } from "@fiberstream/access/reader-key-table";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { documentedRoutes } from "../openapi/documented-routes.ts";
import type { Route } from "../routes/route.ts";
import { person, type TestGrant } from "./askers-fixture.ts";
import { refreshRollUps, startTestConsole, type TestConsole } from "./console-fixture.ts";
import { createLetterTopics } from "./letters-fixture.ts";
import { insertTenant, type TenantData } from "./tenants-fixture.ts";

// As somebody of the tenant acme, each route is asked with everything that can name what is zebra's. No answer has anything of zebra's,
// and each is the same as for a name that nobody has.
const ROUTES = documentedRoutes();
const ASKERS: Readonly<Record<string, TestGrant | "key">> = {
  viewer: { role: "viewer", tenant: "acme" },
  operator: { role: "operator", tenant: "acme" },
  admin: { role: "admin", tenant: "acme" },
  auditor: { role: "auditor", tenant: "acme" },
  "admin of some nodes": { role: "admin", tenant: "acme", nodes: "acme-1" },
  "reader key": "key",
};

let life: Life;
let running: TestConsole;
let zebra: TenantData;
let everything: Record<string, string>;
let askers: Record<string, Record<string, string>>;
beforeAll(async () => {
  life = createLife();
  const namespace = `isolation-${randomUUID().slice(0, 8)}.`;
  const letters = await createLetterTopics(life, namespace);
  const failedAt = new Date(Date.now() - 60_000);
  await letters.send(
    ["acme", "zebra"].flatMap((tenant, at) => [
      { node: `${tenant}-1`, tenant, failedAt, offset: at },
      { node: `${tenant}-2`, tenant, failedAt, offset: at + 10 },
    ]),
  );
  running = await startTestConsole(
    life,
    {
      AUTH_MODE: "keys",
      NAMESPACE: namespace,
      QUERY_RATE_PER_SECOND: "1000000",
      QUERY_BURST: "10000000",
    },
    { hasOwnRole: true },
  );
  const { pool } = running;
  await insertTenant(pool, { tenant: "acme", country: "GH" });
  zebra = await insertTenant(pool, { tenant: "zebra", country: "ZW" });
  await refreshRollUps(pool);
  everything = (await person(pool, { role: "admin" })).headers;
  const { token } = await createReaderKey(pool, {
    tenant: "acme",
    may_change_nodes: true,
    may_redrive: true,
    rate_per_second: null,
    burst: null,
    note: null,
    expires_at: null,
  });
  askers = {};
  for (const [name, grant] of Object.entries(ASKERS)) {
    askers[name] =
      grant === "key" ? { authorization: `Bearer ${token}` } : (await person(pool, grant)).headers;
  }
});
afterAll(() => life.stop());

/** Names that nobody has, in the forms of zebra's. */
const NOBODY: Readonly<Record<string, string>> = {
  node_id: "nobody-1",
  node: "nobody-1",
  tenant: "nobody",
  q: "nobody",
  where: 'node_id = "nobody-1"',
  country: "ZZ",
  region: "nobody-land",
  target_host: "nobody.example",
  key_id: "abcdefgh2345",
  reader_key_id: "abcdefgh2345",
  token_id: "abcdefgh2345",
};
const NO_ID = randomUUID();

/** What a question needs besides. */
const NOW_MS = Date.now();
const REQUIRED: Readonly<Record<string, string>> = {
  // An age would be another time in the next question.
  from: new Date(NOW_MS - 2 * 86_400_000).toISOString(),
  dimension: "region",
  include: "nodes,alerts",
};
const REQUIRED_OF: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  rawSeries: { node: "acme-1", to: new Date(NOW_MS).toISOString() },
};
/** A valid body of each change, about what is zebra's or nobody's. */
const bodyOf = (route: Route, named: (name: string) => string): object =>
  ({
    createNode: { node_id: named("node_id") },
    changeNode: { display_name: "x" },
    createUser: {
      name: `ama@${named("tenant")}`,
      grants: [{ role: "viewer", tenant: named("tenant") }],
    },
    changeUser: { disabled: true },
    addGrant: { role: "viewer", tenant: "acme", node_pattern: "acme-1" },
    createKey: { tenant: "acme", node_pattern: named("node_id") },
    createReaderKey: { tenant: named("tenant") },
    createTenantLimit: { tenant: named("tenant"), rate_per_second: 1 },
    redriveDeadLetters: { dry_run: true, filter: { tenant: named("tenant") } },
    approveRequest: { request_sha256: "0".repeat(64) },
    referenceRegisterNode: {
      node_id: named("node_id"),
      status: "registered",
      country: "GH",
      region: "r",
      lat: 0,
      lng: 0,
    },
  })[route.operationId] ?? {};

type Named = (name: string) => string;
type Asked = { readonly status: number; readonly text: string };

const ofZebra: Named = (name) => zebra.ids[name] ?? "";
const ofNobody: Named = (name) => NOBODY[name] ?? NO_ID;

const pathOf = ({ path }: Route, named: Named) =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    if (name === "partition" || name === "offset") return "0";
    return encodeURIComponent(named(path.includes("reader-keys") ? `reader_${name}` : name));
  });

/** Asks, and returns all that came: the status, the headers and the body, of a stream its beginning. */
async function ask(
  headers: Record<string, string>,
  route: Route,
  {
    named,
    query = {},
    extra = {},
  }: { named: Named; query?: Record<string, string>; extra?: Record<string, string> },
): Promise<Asked> {
  const given = Object.fromEntries(
    Object.keys(route.schemas.query.shape).flatMap((name) => {
      const value = query[name] ?? REQUIRED_OF[route.operationId]?.[name] ?? REQUIRED[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const search = new URLSearchParams(given).toString();
  const stop = new AbortController();
  const hasBody = route.schemas.body !== undefined;
  const answer = await running.ask(`${pathOf(route, named)}${search && `?${search}`}`, {
    method: route.method,
    headers: {
      "if-match": '"1"',
      ...headers,
      ...extra,
      ...(hasBody && { "content-type": "application/json" }),
    },
    ...(hasBody && { body: JSON.stringify(bodyOf(route, named)) }),
    signal: stop.signal,
  });
  const isEndless = answer.headers.get("content-type")?.startsWith("text/event-stream") === true;
  const body = isEndless ? await beginningOf(answer) : await answer.text();
  stop.abort();
  const kept = [...answer.headers].filter(([name]) => !VARYING.has(name));
  return { status: answer.status, text: `${JSON.stringify(kept)}\n${body}` };
}

/** Of the states of all parts, which come first. */
async function beginningOf(answer: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of answer.body ?? []) {
    text += decoder.decode(piece as Uint8Array, { stream: true });
    if (["snapshot", "alerts"].every((event) => text.includes(`event: ${event}\n`))) break;
  }
  return text;
}

/** Headers that differ for equal answers. One that was just given to the same asker has an age. */
const VARYING = new Set(["x-request-id", "date", "age", "content-length", "ratelimit", "etag"]);

/** Leaves out what the asker has sent, and what differs from one second to the next. */
function withoutSent(text: string, named: Named): string {
  const sent = Object.keys({ ...NOBODY, ...zebra.ids })
    .map(named)
    .filter((value) => value !== "")
    .toSorted((a, b) => b.length - a.length);
  let left = text;
  for (const value of sent) {
    left =
      value.length < 4
        ? // A random id or hash may have a short one in it.
          left.replaceAll(new RegExp(`(?<![\\w-])${value}(?![\\w-])`, "g"), "~")
        : left.replaceAll(value, "~").replaceAll(JSON.stringify(value).slice(1, -1), "~");
  }
  return left
    .replaceAll(/"(?:next_cursor|request_id)":"[^"]*"/g, '"varies":"~"')
    .replaceAll(/^id: .*$/gm, "id: ~")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z?/g, "~");
}

/** What must be in no answer, whatever was asked. */
function foundIn(text: string): string[] {
  const markers = [
    ...Object.values(zebra.ids).filter((id) => /^[0-9a-z-]{20,}$/.test(id)),
    "zebra",
  ];
  return markers.filter((marker) => text.toLowerCase().includes(marker));
}

/** The parameters of a question's query that can name what is somebody's. */
const namingOf = ({ schemas }: Route) =>
  Object.keys(schemas.query.shape).filter(
    (name) => (name in zebra.ids && name in NOBODY) || name === "user_id",
  );

describe.each(Object.keys(ASKERS))("%s of another tenant", (asker) => {
  it.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))(
    "learns nothing by %s",
    async (_, route) => {
      const headers = askers[asker] ?? {};
      const [theirs, nobodys] = [
        await ask(headers, route, { named: ofZebra }),
        await ask(headers, route, { named: ofNobody }),
      ];
      expect([theirs.status, withoutSent(theirs.text, ofZebra)]).toEqual([
        nobodys.status,
        withoutSent(nobodys.text, ofNobody),
      ]);
      expect(foundIn(withoutSent(theirs.text, ofZebra))).toEqual([]);
      expect(foundIn(nobodys.text)).toEqual([]);

      for (const name of namingOf(route)) {
        const byZebra = await ask(headers, route, {
          named: ofNobody,
          query: { [name]: ofZebra(name) },
        });
        const byNobody = await ask(headers, route, {
          named: ofNobody,
          query: { [name]: ofNobody(name) },
        });
        const rest = withoutSent(byZebra.text, ofZebra);
        expect([name, byZebra.status, withoutSent(rest, ofNobody)]).toEqual([
          name,
          byNobody.status,
          withoutSent(byNobody.text, ofNobody),
        ]);
        expect(foundIn(rest)).toEqual([]);
      }
    },
    60_000,
  );

  it("gets nothing by the cursors and ETags of somebody who sees everything", async () => {
    const headers = askers[asker] ?? {};
    for (const route of ROUTES.filter(
      ({ method, isStreamed }) => method === "GET" && !isStreamed,
    )) {
      const search = "cursor" in route.schemas.query.shape ? "?limit=1" : "";
      if (Object.keys(REQUIRED).some((name) => name in route.schemas.query.shape) && search === "")
        continue;
      const whole = await running.ask(`${pathOf(route, ofZebra)}${search}`, {
        headers: everything,
      });
      const etag = whole.headers.get("etag") ?? '"none"';
      const text = await whole.text();
      const cursor = /"next_cursor":"([^"]+)"/.exec(text)?.[1];
      const given = await running.ask(
        `${pathOf(route, ofZebra)}${search}${cursor === undefined ? "" : `&cursor=${cursor}`}`,
        { headers: { ...headers, "if-none-match": etag } },
      );
      expect([route.path, foundIn(withoutSent(await given.text(), ofZebra))]).toEqual([
        route.path,
        [],
      ]);
      // Unchanged is only what is the same for everybody.
      if (given.status === 304) expect(foundIn(text)).toEqual([]);
    }
  }, 60_000);
});

it("has changed nothing of zebra's", async () => {
  const { rows } = await running.pool.query<Record<string, number>>(
    `SELECT (SELECT count(*) FROM nodes WHERE tenant = 'zebra' AND status = 'reporting' AND display_name = 'zebra-land')::int AS nodes,
            (SELECT count(*) FROM api_keys WHERE tenant = 'zebra' AND revoked_at IS NULL)::int AS keys,
            (SELECT count(*) FROM reader_keys WHERE tenant = 'zebra' AND revoked_at IS NULL)::int AS reader_keys,
            (SELECT count(*) FROM users JOIN grants USING (user_id) JOIN sessions USING (user_id)
             WHERE tenant = 'zebra' AND disabled_at IS NULL)::int AS people,
            (SELECT count(*) FROM tenant_limits WHERE tenant = 'zebra' AND burst = 1000)::int AS limits,
            (SELECT count(*) FROM approvals WHERE tenant = 'zebra' AND state = 'waiting')::int AS approvals`,
  );
  expect(rows).toEqual([{ nodes: 2, keys: 1, reader_keys: 1, people: 1, limits: 1, approvals: 1 }]);
});
