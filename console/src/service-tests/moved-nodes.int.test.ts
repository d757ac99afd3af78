import { createLife, type Life } from "@fiberstream/runtime/life";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  insertEvents,
  readerHeaders,
  refreshRollUps,
  startTestConsole,
  type TestConsole,
} from "./console-fixture.ts";

const DAY_MS = 86_400_000;
/** Noon, so that the events of a day are not in two. */
const noon = (daysAgo: number) =>
  new Date(Math.floor(Date.now() / DAY_MS - daysAgo) * DAY_MS + DAY_MS / 2);
const day = (daysAgo: number) => noon(daysAgo).toISOString().slice(0, 10);

let life: Life;
let running: TestConsole;
let of: Record<"acme" | "zeta" | "all", { authorization: string }>;
beforeAll(async () => {
  life = createLife();
  running = await startTestConsole(life, { AUTH_MODE: "keys" });
  const { pool } = running;
  // A node of acme, which was moved to zeta yesterday: acme's events have a latency of 1,000 ms and more, zeta's of 10.
  await pool.query(
    "INSERT INTO nodes (node_id, tenant, status, country, region) VALUES ('a', 'acme', 'reporting', 'GH', 'Accra')",
  );
  await insertEvents(pool, { node: "a", count: 5, at: noon(3), tenant: "acme", latencyMs: 1_000 });
  await insertEvents(pool, { node: "a", count: 5, at: noon(2), tenant: "acme", latencyMs: 1_000 });
  await pool.query(
    `INSERT INTO node_alerts (opened_at, value, resolve_below, alert_id, node_id, tenant, kind)
     VALUES ($1, 1, 1, gen_random_uuid(), 'a', 'acme', 'latency')`,
    [noon(3)],
  );
  await pool.query("UPDATE nodes SET tenant = 'zeta', region = 'Lagos' WHERE node_id = 'a'");
  await insertEvents(pool, { node: "a", count: 3, at: noon(2), tenant: "zeta", latencyMs: 10 });
  await insertEvents(pool, { node: "a", count: 3, at: noon(1), tenant: "zeta", latencyMs: 10 });
  await refreshRollUps(pool);
  for (const ago of [3, 2, 1]) {
    await pool.query(
      "INSERT INTO metric_quality_daily (day, node_id, events) VALUES ($1, 'a', $2)",
      [day(ago), ago],
    );
  }
  of = {
    acme: await readerHeaders(pool, "acme"),
    zeta: await readerHeaders(pool, "zeta"),
    all: await readerHeaders(pool, null),
  };
});
afterAll(() => life.stop());

const ask = async <T>(who: keyof typeof of, path: string): Promise<T> => {
  const answer = await running.ask(path, { headers: of[who] });
  const body: unknown = await answer.json();
  if (answer.status !== 200) throw new Error(JSON.stringify(body));
  return body as T;
};
type List<Row> = { data: Row[] };

describe("what a node measured before it was moved to another tenant", () => {
  it.each([
    ["acme", 10, true],
    ["zeta", 6, false],
  ] as const)("is %s's, or is not: its rows and roll-ups", async (who, count, isSlow) => {
    const { data } = await ask<List<{ latency_ms: number }>>(who, "/api/v1/events?node=a");
    expect(data).toHaveLength(count);
    expect(data.every(({ latency_ms: latency }) => latency >= 1_000 === isSlow)).toBe(true);
    const range = `from=${noon(4).toISOString()}`;
    const summary = await ask<{ data: Record<string, number> }>(
      who,
      `/api/v1/summary?${range}&node=a`,
    );
    expect(summary.data).toMatchObject({ events: count });
    const top = await ask<List<{ latency_avg_ms: number }>>(who, `/api/v1/top?${range}`);
    expect(top.data.map(({ latency_avg_ms: latency }) => latency >= 1_000)).toEqual([isSlow]);
  });

  it("does not say where it stands now", async () => {
    type Metrics = { data: { metrics: { region: string }[] } };
    const { data } = await ask<Metrics>("acme", "/api/metrics?node_id=a");
    expect([...new Set(data.metrics.map(({ region }) => region))]).toEqual(["Accra"]);
    const now = await ask<Metrics>("zeta", "/api/metrics?node_id=a");
    expect([...new Set(now.data.metrics.map(({ region }) => region))]).toEqual(["Lagos"]);
  });

  it("is not the node's latest event while the new tenant has none", async () => {
    type Latest = { data: { node_id: string[]; latency_ms: (number | null)[] } };
    const seen = async (who: keyof typeof of) => {
      const { data } = await ask<Latest>(who, "/api/v1/nodes/latest");
      return [data.node_id, data.latency_ms];
    };
    expect(await seen("zeta")).toEqual([["a"], [10]]);
    expect(await seen("acme")).toEqual([[], []]);
    const moved = createLife();
    const fresh = await startTestConsole(moved, { AUTH_MODE: "keys" });
    try {
      await fresh.pool.query(
        "INSERT INTO nodes (node_id, tenant, status) VALUES ('a', 'zeta', 'reporting')",
      );
      await insertEvents(fresh.pool, { node: "a", count: 1, tenant: "acme", latencyMs: 1_000 });
      const headers = await readerHeaders(fresh.pool, "zeta");
      const latest = (await (
        await fresh.ask("/api/v1/nodes/latest", { headers })
      ).json()) as Latest;
      expect(latest.data).toMatchObject({ node_id: ["a"], latency_ms: [null] });
      const stream = await fresh.ask("/api/v1/stream", { headers });
      const text = stream.text();
      await moved.stop();
      expect(await text).toContain('"latency_ms":[null]');
    } finally {
      await moved.stop();
    }
  });

  it("has its quality on the days that are wholly of the tenant", async () => {
    const daysOf = async (who: keyof typeof of) =>
      (await ask<List<{ day: string }>>(who, "/api/v1/quality?node=a")).data.map((row) => row.day);
    expect(await daysOf("all")).toEqual([day(1), day(2), day(3)]);
    expect(await daysOf("acme")).toEqual([day(3)]);
    expect(await daysOf("zeta")).toEqual([day(1)]);
  });

  it("has its alerts and changes, and does not name the other tenant", async () => {
    const alertsOf = async (who: keyof typeof of) =>
      (await ask<List<object>>(who, "/api/v1/alerts")).data.length;
    expect([await alertsOf("acme"), await alertsOf("zeta")]).toEqual([1, 0]);
    const changesOf = async (who: keyof typeof of) =>
      ask<List<{ kind: string; detail: object }>>(who, "/api/v1/changes?kind=node");
    expect((await changesOf("acme")).data).toMatchObject([{ kind: "node.registered" }]);
    const { data } = await changesOf("zeta");
    expect(data).toMatchObject([{ kind: "node.changed", detail: { region: ["Accra", "Lagos"] } }]);
    expect(JSON.stringify(data)).not.toContain("acme");
  });
});
