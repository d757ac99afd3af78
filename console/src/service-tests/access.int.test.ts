import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createLife } from "@fiberstream/runtime/life";
import { until } from "@fiberstream/testkit/until";
import {
  insertEvents,
  insertNode,
  refreshRollUps,
  startTestConsole,
  type TestConsole,
} from "./console-fixture.ts";
import {
  type Browser,
  createBrowser,
  createPerson,
  entriesOf,
  grant,
  outcomeOf,
} from "./people-fixture.ts";

const life = createLife();
let running: TestConsole;
beforeAll(async () => {
  running = await startTestConsole(
    life,
    {
      AUTH_MODE: "keys",
      KEY_MAX_AGE_MS: "200",
      QUERY_RATE_PER_SECOND: "100000",
      QUERY_BURST: "100000",
    },
    { hasOwnRole: true },
  );
  for (const [node, tenant] of [
    ["accra-1", "acme"],
    ["accra-2", "acme"],
    ["lagos-1", "acme"],
    ["accra-9", "zeta"],
  ] as const) {
    await insertNode(running.pool, node);
    await running.pool.query("UPDATE nodes SET tenant = $2 WHERE node_id = $1", [node, tenant]);
    await insertEvents(running.pool, { node, tenant, count: 2 });
  }
  await refreshRollUps(running.pool);
});
afterAll(() => life.stop());

/** Signs in a new person. */
async function personWith(
  name: string,
  grants: Parameters<typeof createPerson>[2],
): Promise<Browser & { userId: string }> {
  const userId = await createPerson(running.pool, name, grants);
  await running.pool.query("DELETE FROM sign_in_failures");
  const browser = createBrowser(running);
  expect(await outcomeOf(browser.signIn(name))).toBe("200");
  return { ...browser, userId };
}

const nodesSeen = async (answer: Response | Promise<Response>): Promise<string[]> => {
  const { data } = (await (await answer).json()) as { data: { node_id: string }[] };
  return data.map((each) => each.node_id);
};

/** Asks as a script does. */
const askWith = (token: string, path: string, init: RequestInit = {}) =>
  fetch(`${running.service.url}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
  });

describe("a grant", () => {
  it("shows the nodes of its tenant that match its pattern, in lists, events and by name", async () => {
    const ann = await personWith("ann", [{ tenant: "acme", nodes: "accra-*" }]);
    expect(await nodesSeen(ann.ask("/api/v1/nodes"))).toEqual(["accra-1", "accra-2"]);
    const events = await nodesSeen(ann.ask("/api/v1/events?from=-1h"));
    expect(new Set(events)).toEqual(new Set(["accra-1", "accra-2"]));
    for (const other of ["lagos-1", "accra-9", "none"]) {
      expect(await outcomeOf(ann.ask(`/api/v1/nodes/${other}`))).toBe("404 NO_SUCH_NODE");
    }
    const summary = (await (await ann.ask("/api/v1/summary?from=-1h")).json()) as {
      data: { events: number };
      meta: { source: string };
    };
    expect(summary.data.events).toBe(4);
    // Figures of regions have no nodes.
    expect(summary.meta.source).toContain("series");
    const exported = await ann.ask("/api/v1/export?from=-1h&format=csv");
    expect(await exported.text()).not.toMatch(/lagos|accra-9/);
  });

  it("is one of several: each counts with its own role and for its own data", async () => {
    const bob = await personWith("bob", [
      { role: "viewer", tenant: "acme" },
      { role: "operator", tenant: "zeta" },
    ]);
    expect(await nodesSeen(bob.ask("/api/v1/nodes"))).toHaveLength(4);
    const change = (node: string) =>
      outcomeOf(
        bob.ask(`/api/v1/nodes/${node}`, {
          method: "PATCH",
          headers: { "content-type": "application/json", "if-match": '"9999"' },
          body: JSON.stringify({ display_name: "new" }),
        }),
      );
    expect(await change("accra-9")).toBe("412 REVISION_CHANGED");
    expect(await change("accra-1")).toBe("404 NO_SUCH_NODE");
    expect(await outcomeOf(bob.send("DELETE", "/api/v1/nodes/accra-9"))).toBe("403 NOT_ALLOWED");
  });

  it("that is none lets a person see who they are, and nothing else", async () => {
    const cat = await personWith("cat", []);
    expect(await outcomeOf(cat.ask("/api/v1/auth/me"))).toBe("200");
    expect(await outcomeOf(cat.ask("/api/v1/nodes"))).toBe("403 NOT_ALLOWED");
  });

  it("that is made or taken away counts in sessions that are there", async () => {
    const dan = await personWith("dan", []);
    await grant(running.pool, dan.userId, { role: "viewer", tenant: "zeta", nodes: "*" });
    await until(async () => (await dan.ask("/api/v1/nodes")).status === 200, { what: "it counts" });
    await running.pool.query("DELETE FROM grants WHERE user_id = $1", [dan.userId]);
    await until(async () => (await dan.ask("/api/v1/nodes")).status === 403, {
      what: "it is gone",
    });
  });

  it("is at most one of 100", async () => {
    const userId = await createPerson(running.pool, "hundred");
    await running.pool.query(
      `INSERT INTO grants (user_id, role, node_pattern) SELECT $1, 'viewer', 'n' || n FROM generate_series(1, 100) AS n`,
      [userId],
    );
    await expect(
      grant(running.pool, userId, { role: "viewer", tenant: "*", nodes: "n101" }),
    ).rejects.toThrow("at most 100 grants");
  });
});

describe("what somebody may not do", () => {
  it("is in the audit log, with the actor; a flood of it is one entry at first", async () => {
    const eli = await personWith("eli", [{ role: "viewer" }]);
    for (let at = 0; at < 30; at++) {
      expect((await eli.send("DELETE", "/api/v1/nodes/accra-1")).status).toBe(403);
    }
    const denials = async () =>
      (await entriesOf(running.pool, "deleteNode")).filter(({ actor }) => actor === eli.userId);
    await until(async () => (await denials()).length > 0, { what: "it is logged" });
    expect(await denials()).toMatchObject([
      { action: "request.denied", outcome: "denied", actor_kind: "user" },
    ]);
  });

  it("is not in a session of a disabled user, whose streams end, too", async () => {
    const fin = await personWith("fin", [{ role: "viewer" }]);
    const stream = await fin.ask("/api/v1/stream?include=nodes");
    expect(stream.status).toBe(200);
    const ended = stream.text().then(
      () => "ended",
      () => "cut",
    );
    await running.pool.query("UPDATE users SET disabled_at = now() WHERE user_id = $1", [
      fin.userId,
    ]);
    await until(async () => (await fin.ask("/api/v1/nodes")).status === 401, {
      what: "it has ended",
    });
    const isOver = await Promise.race([
      ended,
      new Promise((resolve) => setTimeout(resolve, 30_000, "still open").unref()),
    ]);
    expect(isOver).not.toBe("still open");
  });
});

describe("a personal token", () => {
  const create = async (person: Browser, body: object) =>
    (
      (await (await person.send("POST", "/api/v1/auth/tokens", body)).json()) as {
        data: { token: string; token_id: string };
      }
    ).data;

  it("may do what both it and its owner may, and that at the moment of the request", async () => {
    const gus = await personWith("gus", [{ role: "operator", tenant: "acme" }]);
    const viewer = await create(gus, { role: "viewer", nodes: "accra-*" });
    expect(viewer.token).toMatch(/^fsp_[a-z0-9]{25}_[\w-]{43}$/);
    expect(await nodesSeen(askWith(viewer.token, "/api/v1/nodes"))).toEqual(["accra-1", "accra-2"]);
    const redrive = { method: "POST", body: JSON.stringify({ dry_run: true, filter: {} }) };
    expect(await outcomeOf(askWith(viewer.token, "/api/v1/dead-letters/redrive", redrive))).toBe(
      "403 NOT_ALLOWED",
    );
    // More than its owner has: the token gets no more than that.
    const admin = await create(gus, { role: "admin" });
    expect(await nodesSeen(askWith(admin.token, "/api/v1/nodes"))).not.toContain("accra-9");
    expect(
      await outcomeOf(askWith(admin.token, "/api/v1/nodes/accra-1", { method: "DELETE" })),
    ).toBe("403 NOT_ALLOWED");
    await running.pool.query("DELETE FROM grants WHERE user_id = $1", [gus.userId]);
    await until(async () => (await askWith(viewer.token, "/api/v1/nodes")).status === 403, {
      what: "the owner's grant is gone",
    });
  });

  it("is no way to other tokens, the password or the sessions of its owner", async () => {
    const hao = await personWith("hao", [{ role: "admin" }]);
    const { token } = await create(hao, { role: "admin" });
    const post = (path: string, body: object) =>
      outcomeOf(askWith(token, path, { method: "POST", body: JSON.stringify(body) }));
    expect(await post("/api/v1/auth/tokens", {})).toBe("403 NOT_ALLOWED");
    expect(await post("/api/v1/auth/password", { new_password: "x" })).toBe("403 NOT_ALLOWED");
    expect(await outcomeOf(askWith(token, "/api/v1/auth/sessions", { method: "DELETE" }))).toBe(
      "403 NOT_ALLOWED",
    );
    expect(await outcomeOf(askWith(token, "/api/v1/auth/me"))).toBe("200");
  });

  it("is refused when it is revoked, has expired, is invented, or its owner is disabled", async () => {
    const ivy = await personWith("ivy", [{ role: "viewer" }]);
    const [revoked, expired, other] = [
      await create(ivy, {}),
      await create(ivy, {}),
      await create(ivy, {}),
    ];
    const ask = (token: string) => outcomeOf(askWith(token, "/api/v1/nodes"));
    expect(await ask(revoked.token)).toBe("200");
    expect(await outcomeOf(ivy.send("DELETE", `/api/v1/auth/tokens/${revoked.token_id}`))).toBe(
      "200",
    );
    expect(await ask(revoked.token)).toBe("401 INVALID_TOKEN");
    await running.pool.query("UPDATE personal_tokens SET expires_at = now() WHERE token_id = $1", [
      expired.token_id,
    ]);
    expect(await ask(expired.token)).toBe("401 EXPIRED_TOKEN");
    expect(await ask(`${other.token.slice(0, -3)}AAA`)).toBe("401 INVALID_TOKEN");
    expect(await ask(`fsp_${"a".repeat(25)}_${"A".repeat(43)}`)).toBe("401 INVALID_TOKEN");
    expect(await ask(other.token)).toBe("200");
    await running.pool.query("UPDATE users SET disabled_at = now() WHERE user_id = $1", [
      ivy.userId,
    ]);
    await until(async () => (await ask(other.token)) === "401 INVALID_TOKEN", {
      what: "it is refused",
    });
    const entries = await entriesOf(running.pool, revoked.token_id);
    expect(entries.map(({ action, actor }) => [action, actor])).toEqual([
      ["token.created", ivy.userId],
      ["token.revoked", ivy.userId],
    ]);
  });
});

describe("with AUTH_MODE=open", () => {
  it("who has signed in is who they are, and everybody else may do what a reader key may", async () => {
    const own = createLife();
    try {
      const open = await startTestConsole(own, { AUTH_MODE: "open" });
      await createPerson(open.pool, "ann", [{ role: "auditor" }]);
      const ann = createBrowser(open);
      expect(await outcomeOf(ann.ask("/api/v1/auth/me"))).toBe("403 NOT_ALLOWED");
      expect(await outcomeOf(ann.send("DELETE", "/api/v1/nodes/none"))).toBe("404 NO_SUCH_NODE");
      await ann.signIn("ann");
      expect(await outcomeOf(ann.ask("/api/v1/auth/me"))).toBe("200");
      expect(await outcomeOf(ann.send("DELETE", "/api/v1/nodes/none"))).toBe("403 NOT_ALLOWED");
    } finally {
      await own.stop();
    }
  });
});
