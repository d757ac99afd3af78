import { createLife, type Life } from "@fiberstream/runtime/life";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  insertEvents,
  readerHeaders,
  startTestConsole,
  type TestConsole,
} from "./console-fixture.ts";

type Alert = {
  alert_id: string;
  kind: string;
  state: string;
  node_id: string;
  tenant: string;
  links: { opened_by: string; events: string };
};
type Alerts = { data: Alert[]; meta: { next_cursor: string | null } };

let life: Life;
let running: TestConsole;
beforeAll(async () => {
  life = createLife();
  running = await startTestConsole(life, { AUTH_MODE: "keys" });
  // Six alerts, opened an hour apart: the even ones are of acme, the odd ones are resolved after half an hour.
  await running.pool.query(
    `INSERT INTO node_alerts (opened_at, ended_at, state, end_value, ended_by, value, usual, resolve_below,
                              alert_id, node_id, tenant, kind)
     SELECT opened_at, CASE n % 2 WHEN 1 THEN opened_at + interval '30 min' END,
            CASE n % 2 WHEN 1 THEN 'resolved' ELSE 'open' END, CASE n % 2 WHEN 1 THEN 3.5 END,
            CASE n % 2 WHEN 1 THEN gen_random_uuid() END, 20 + n, NULL, 5, gen_random_uuid(), 'node-' || n,
            CASE n % 2 WHEN 0 THEN 'acme' ELSE 'zeta' END, CASE WHEN n < 3 THEN 'packet_loss' ELSE 'latency' END
     FROM generate_series(0, 5) AS n,
          LATERAL (SELECT timestamptz '2026-11-20 00:00:00.123457Z' + n * interval '1 hour' AS opened_at) AS times`,
  );
});
afterAll(() => life.stop());

const keyOf = (tenant: string | null) => readerHeaders(running.pool, tenant);
const alertsOf = async (query: string, headers: Record<string, string>): Promise<Alerts> => {
  const answer = await running.ask(`/api/v1/alerts?${query}`, { headers });
  const body = (await answer.json()) as Alerts;
  if (answer.status !== 200) throw new Error(JSON.stringify(body));
  return body;
};
const nodesOf = ({ data }: Alerts) => data.map(({ node_id: node }) => Number(node.slice(5)));

describe("alerts of nodes", () => {
  it("are listed from the last one, page by page, whatever is opened meanwhile", async () => {
    const all = await keyOf(null);
    const first = await alertsOf("limit=4", all);
    expect(nodesOf(first)).toEqual([5, 4, 3, 2]);
    expect(first.data[0]).toMatchObject({
      kind: "latency",
      state: "resolved",
      tenant: "zeta",
      opened_at: "2026-11-20T05:00:00.123457Z",
      ended_at: "2026-11-20T05:30:00.123457Z",
      value: 25,
      usual: null,
      resolve_below: 5,
      end_value: 3.5,
      ended_by: expect.any(String),
    });
    await running.pool.query(
      `INSERT INTO node_alerts (opened_at, value, resolve_below, alert_id, node_id, kind)
       VALUES (now(), 1, 1, gen_random_uuid(), 'node-6', 'latency')`,
    );
    const cursor = first.meta.next_cursor ?? "";
    const second = await alertsOf(`limit=4&cursor=${cursor}`, all);
    expect([nodesOf(second), second.meta.next_cursor]).toEqual([[1, 0], null]);
    await running.pool.query("DELETE FROM node_alerts WHERE node_id = 'node-6'");
    const other = await running.ask(`/api/v1/alerts?state=open&cursor=${cursor}`, { headers: all });
    expect([other.status, await other.json()]).toMatchObject([422, { code: "INVALID_CURSOR" }]);
  });

  it.each([
    ["node=node-3", [3]],
    ["kind=packet_loss", [2, 1, 0]],
    ["state=open", [4, 2, 0]],
    ["state=resolved&tenant=acme", []],
    ["tenant=zeta", [5, 3, 1]],
    // Open at some time of the range: those that never ended, too.
    ["from=2026-11-20T03:20:00Z&to=2026-11-20T05:00:00Z", [4, 3, 2, 0]],
    ["from=2026-11-20T05:31:00Z", [4, 2, 0]],
    ["to=2026-11-20T01:30:00Z", [1, 0]],
  ])("are found by %s", async (query, expected) => {
    expect(nodesOf(await alertsOf(query, await keyOf(null)))).toEqual(expected);
  });

  it("are those of the reader's tenant", async () => {
    const acme = await keyOf("acme");
    expect(nodesOf(await alertsOf("", acme))).toEqual([4, 2, 0]);
    expect(nodesOf(await alertsOf("tenant=zeta", acme))).toEqual([]);
  });

  it("lead to their events", async () => {
    const all = await keyOf(null);
    const [alert] = (await alertsOf("node=node-3", all)).data;
    const at = new Date("2026-11-20T03:00:00.123Z");
    await insertEvents(running.pool, { node: "node-3", count: 20, at, tenant: "zeta" });
    await running.pool.query(
      "UPDATE metrics SET event_id = $1, time = '2026-11-20T03:00:00.123457Z' WHERE time = $2",
      [alert?.alert_id, at],
    );
    const opening = await running.ask(alert?.links.opened_by ?? "", { headers: all });
    expect([opening.status, await opening.json()]).toMatchObject([
      200,
      { data: { event: { event_id: alert?.alert_id } } },
    ]);
    const events = await running.ask(alert?.links.events ?? "", { headers: all });
    expect(((await events.json()) as Alerts).data).toHaveLength(6);
  });

  it("are answered with 304 while nothing has changed", async () => {
    const all = await keyOf(null);
    const first = await running.ask("/api/v1/alerts", { headers: all });
    const etag = first.headers.get("etag") ?? "";
    const again = () =>
      running.ask("/api/v1/alerts", { headers: { ...all, "if-none-match": etag } });
    expect((await again()).status).toBe(304);
    await running.pool.query("UPDATE node_alerts SET state = 'resolved' WHERE node_id = 'node-4'");
    expect((await again()).status).toBe(200);
  });
});
