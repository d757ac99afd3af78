import { createReaderKey } from "@fiberstream/access/reader-key-table";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { ROLES } from "../access/permissions.ts";
import { documentedRoutes } from "../openapi/documented-routes.ts";
import { keyMayAsk, mayAsk } from "../openapi/permissions-page.ts";
import type { Route } from "../routes/route.ts";
import { startTestConsole, type TestConsole } from "./console-fixture.ts";
import { insertUser, signIn, tokenOf } from "./askers-fixture.ts";

// Each cell of docs/permissions.md, and a row for nobody: a new route is in the test by itself.
const ROUTES = documentedRoutes();

let life: Life;
let running: TestConsole;
let askers: Record<string, () => Promise<Record<string, string>>>;

beforeAll(async () => {
  life = createLife();
  running = await startTestConsole(
    life,
    { AUTH_MODE: "keys", QUERY_RATE_PER_SECOND: "1000000", QUERY_BURST: "10000000" },
    { hasOwnRole: true },
  );
  const { pool, service } = running;
  const signedIn = async (role: (typeof ROLES)[number]) => {
    const userId = await insertUser(pool, { grants: [{ role }] });
    // A session for each request: one of the routes ends it.
    return async () => (await signIn(pool, userId, service.url)).headers;
  };
  const { token: key } = await createReaderKey(pool, {
    tenant: null,
    may_change_nodes: false,
    rate_per_second: null,
    burst: null,
    note: null,
    expires_at: null,
  });
  const owner = await insertUser(pool, { grants: [{ role: "admin" }] });
  const below = await tokenOf(pool, owner, { role: "viewer" });
  askers = {
    nobody: async () => ({}),
    "reader key": async () => ({ authorization: `Bearer ${key}` }),
    "token below its owner": async () => below.headers,
  };
  for (const role of ROLES) askers[role] = await signedIn(role);
});
afterAll(() => life.stop());

/** Values for the parameters of paths. None of them exists, so that no route changes anything. */
const PARAMETERS: Readonly<Record<string, string>> = {
  node_id: "no-such-node",
  key_id: "abcdefgh2345",
  token_id: "abcdefgh2345",
  tenant: "acme",
  partition: "0",
  offset: "0",
};
const NO_ID = "0b7a3c5e-1111-4222-8333-444455556666";

const pathOf = ({ path }: Route) =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => PARAMETERS[name] ?? NO_ID);

/** Asks, and returns the status and the code of a refusal, without reading a stream. */
async function askAs(asker: string, route: Route): Promise<{ status: number; code: string }> {
  const stop = new AbortController();
  const headers = (await askers[asker]?.()) ?? {};
  const answer = await running.ask(pathOf(route), {
    method: route.method,
    headers: {
      origin: running.service.url,
      ...headers,
      ...(route.schemas.body && { "content-type": "application/json" }),
    },
    ...(route.schemas.body && { body: "{}" }),
    redirect: "manual",
    signal: stop.signal,
  });
  const isProblem = answer.headers.get("content-type") === "application/problem+json";
  const code = isProblem ? ((await answer.json()) as { code: string }).code : "";
  stop.abort();
  return { status: answer.status, code };
}

/** What the table says: answered by the route itself, be it with its own refusal, or not. */
function expected(asker: string, { permission }: Route): "answered" | "401" | "403" {
  if (permission === "anyone") return "answered";
  switch (asker) {
    case "nobody":
      return "401";
    case "reader key":
      return keyMayAsk(permission) ? "answered" : "403";
    case "token below its owner":
      return mayAsk("viewer", permission) ? "answered" : "403";
    default: {
      const role = ROLES.find((each) => each === asker);
      return role !== undefined && mayAsk(role, permission) ? "answered" : "403";
    }
  }
}

/** What is about the account itself takes a session: a token that was stolen is no way to keep it. */
const needsSession = ({ permission }: Route, code: string) =>
  permission === "self" && code === "NOT_ALLOWED";

describe.each(["nobody", "reader key", "token below its owner", ...ROLES])("%s", (asker) => {
  it.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))(
    "asks %s",
    async (_, route) => {
      const { status, code } = await askAs(asker, route);
      const isRefused = status === 401 || status === 403;
      const isOwn = asker === "token below its owner" && needsSession(route, code);
      const outcome = isRefused && !isOwn ? String(status) : "answered";
      expect([outcome, code]).toEqual([expected(asker, route), code]);
      expect(status === 503 ? code : status).not.toBe("INTERNAL_ERROR");
      expect(status).not.toBe(500);
    },
  );
});
