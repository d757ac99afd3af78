import { createLife, type Life } from "@fiberstream/runtime/life";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { jsonLine } from "../exports/json-line.ts";
import { readColumns } from "../questions/table-columns.ts";
import { eventFields } from "../routes/events/event-fields.ts";
import { insertEvents, insertNode, startTestConsole, type TestConsole } from "./console-fixture.ts";

const AT = new Date("2026-03-01T12:00:00Z");
const RANGE = "from=2026-03-01T00:00Z&to=2026-03-02T00:00Z";

let life: Life;
let running: TestConsole;
beforeAll(async () => {
  life = createLife();
  running = await startTestConsole(life, { EXPORT_MAX_CONNECTIONS: "1" });
  await insertNode(running.pool, "a");
  await insertEvents(running.pool, { node: "a", count: 100, at: AT });
  await insertEvents(running.pool, { node: "b'; --", count: 50, at: AT, latencyMs: 500 });
});
afterAll(() => life.stop());

const linesOf = async (path: string) => {
  const answer = await running.ask(path);
  expect(answer.status).toBe(200);
  return (await answer.text()).split("\n").slice(0, -1);
};

describe("an export", () => {
  it("as NDJSON has each event as the list of events has it, and ends with the number of rows", async () => {
    const lines = await linesOf(`/api/v1/export?format=ndjson&${RANGE}`);
    expect(lines).toHaveLength(151);
    expect(lines.at(-1)).toBe('{"end":true,"rows":150}');
    const exported = lines.slice(0, -1).map((line) => JSON.parse(line) as { event_id: string });
    const { data } = await running.answer<{ data: { event_id: string }[] }>(
      `/api/v1/events?${RANGE}&limit=1000`,
    );
    const byId = (events: readonly { event_id: string }[]) =>
      events.toSorted((one, other) => (one.event_id < other.event_id ? -1 : 1));
    expect(byId(exported)).toEqual(byId(data));
    expect(lines[0]).toContain('"big": 12345678901234567890');
  });

  it("as NDJSON has the text of row_to_json, whatever the values are", async () => {
    const { pool } = running;
    await insertEvents(pool, { node: "odd", count: 2, at: new Date("2026-02-01T00:00:00Z") });
    await pool.query(
      `UPDATE metrics SET target_host = E'" \\\\ \\u0001 \\n é 💥', latency_z = 'NaN', latency_mean_ms = '-Infinity',
              latency_stddev_ms = 1e-300, rtts_ms = '{1.5,-0,1e21}', packet_loss_spike = true, extra = '{"a": [1.10]}'
       WHERE ctid = (SELECT max(ctid) FROM metrics WHERE node_id = 'odd') AND node_id = 'odd'`,
    );
    const columns = await readColumns(pool, "metrics");
    const { rows } = await pool.query<{ plain: string; line: string }>(
      `SELECT row_to_json(event)::text AS plain, ${jsonLine(columns)} AS line
       FROM metrics CROSS JOIN LATERAL (SELECT ${eventFields(columns)}) AS event`,
    );
    expect(rows.some(({ line }) => line.includes('"NaN"'))).toBe(true);
    for (const { plain, line } of rows) expect(line).toBe(plain);
  });

  it("as CSV has a heading, and only the events of a node that match a condition", async () => {
    const where = encodeURIComponent("latency_ms < 13");
    const lines = await linesOf(`/api/v1/export?node=a&where=${where}&${RANGE}`);
    expect(lines[0]).toMatch(/^time,received_at,latency_ms,/);
    expect(lines).toHaveLength(5);
    expect(lines.at(-1)).toBe("# end: 3 rows");
    const quoted = await linesOf(`/api/v1/export?node=${encodeURIComponent("b'; --")}&${RANGE}`);
    expect(quoted.at(-1)).toBe("# end: 50 rows");
    const none = await linesOf("/api/v1/export?format=ndjson&from=2026-01-01&to=2026-01-02");
    expect(none).toEqual(['{"end":true,"rows":0}']);
  });

  it("is refused before its first byte, if it cannot be made", async () => {
    for (const [path, status] of [
      [`/api/v1/export?${RANGE}&where=latncy`, 422],
      ["/api/v1/export", 422],
    ] as const) {
      expect((await running.ask(path)).status).toBe(status);
    }
    expect((await running.ask(`/api/v1/export?${RANGE}`, { method: "HEAD" })).status).toBe(405);
  });

  it("waits while the asker does not read, is cut when it disconnects, and makes room for the next one", async () => {
    await running.pool.query(
      `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id, tenant, country,
                            region, probe_type, enrichment_status)
       SELECT $1::timestamptz + n * interval '1 ms', now(), 1, 100, 0, gen_random_uuid(), 'large', 'default', 'GH', 'r',
              'ping', 'complete'
       FROM generate_series(1, 200000) AS n`,
      [new Date("2026-04-01T12:00:00Z")],
    );
    const stop = new AbortController();
    const large = "/api/v1/export?format=ndjson&from=2026-04-01&to=2026-04-02";
    const begun = await running.ask(large, { signal: stop.signal });
    expect(begun.status).toBe(200);
    const copies = async () => {
      const { rows } = await running.pool.query(
        "SELECT FROM pg_stat_activity WHERE application_name = 'fiberstream-console' AND query LIKE 'COPY%' AND state = 'active'",
      );
      return rows.length;
    };
    await until(async () => (await copies()) === 1, { what: "the server waits for the asker" });
    stop.abort();
    await until(async () => (await copies()) === 0, { what: "the server has stopped sending" });
    const metrics = await (await fetch(`${running.service.adminUrl}/metrics`)).text();
    expect(metrics).toContain("fiberstream_console_cut_answers_total 1");
    expect((await linesOf(large)).at(-1)).toBe('{"end":true,"rows":200000}');
  });
});
