import { createLife, type Life } from "@fiberstream/runtime/life";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { insertEvents, insertNode, startTestConsole, type TestConsole } from "./console-fixture.ts";

type Event = { event_id: string; node_id: string; latency_ms: number; time: string };
type Events = { data: Event[]; meta: { next_cursor: string | null } };

/** A past moment, so that events of other tests are not in the way. */
const AT = new Date("2026-03-01T12:00:00Z");

let life: Life;
let running: TestConsole;
beforeAll(async () => {
  life = createLife();
  running = await startTestConsole(life);
  for (const node of ["a", "b", "silent"]) await insertNode(running.pool, node);
  // From 11:31 to 12:00 each minute, with a latency of 10 ms and 1 more for each minute of age.
  await insertEvents(running.pool, { node: "a", count: 30, at: AT });
  await insertEvents(running.pool, {
    node: "b",
    count: 30,
    at: AT,
    latencyMs: 100,
    tenant: "acme",
  });
});
afterAll(() => life.stop());

async function allPages(question: string): Promise<Event[]> {
  const seen: Event[] = [];
  let cursor: string | null = "";
  for (let page = 0; cursor !== null; page++) {
    if (page === 50) throw new Error("the pages do not end");
    const path: string = cursor === "" ? question : `${question}&cursor=${cursor}`;
    const { data, meta }: Events = await running.answer(path);
    seen.push(...data);
    cursor = meta.next_cursor;
  }
  return seen;
}

describe("events", () => {
  it.each(["", "node=a&", "where=country%20%3D%20%22GH%22&"])(
    "come in pages that have each event once, the newest first: %s",
    async (filter) => {
      const range = "from=2026-03-01T11:00Z&to=2026-03-01T13:00Z";
      const events = await allPages(`/api/v1/events?${filter}${range}&limit=7`);
      expect(events).toHaveLength(filter.startsWith("node") ? 30 : 60);
      expect(new Set(events.map(({ event_id: id }) => id)).size).toBe(events.length);
      const times = events.map(({ time }) => time);
      expect(times).toEqual(times.toSorted().toReversed());
    },
  );

  it("that match a condition are found, also far back", async () => {
    const where = encodeURIComponent(
      'latency_ms >= 125 and tenant = "acme" or node_id = "a" and latency_ms < 11',
    );
    const events = await allPages(`/api/v1/events?where=${where}&limit=3`);
    expect(events.map(({ node_id: node, latency_ms: ms }) => [node, ms])).toEqual([
      ["a", 10],
      ["b", 125],
      ["b", 126],
      ["b", 127],
      ["b", 128],
      ["b", 129],
    ]);
  });

  it.each([
    ["latncy_ms > 1", "there is no field latncy_ms"],
    ["latency_ms >", "cannot be parsed"],
    ['latency_ms > "a"', "cannot be compared"],
    ["latency_ms * 1e308 * 1e308 > 1", "out of range", "INVALID_PARAMETER"],
  ])(
    "are not searched with a condition that is wrong: %s",
    async (where, reason, code = "INVALID_CONDITION") => {
      const answer = await running.ask(`/api/v1/events?node=a&where=${encodeURIComponent(where)}`);
      expect(answer.status).toBe(422);
      expect(await answer.json()).toMatchObject({
        code,
        detail: expect.stringContaining(reason),
      });
    },
  );

  it("have their numbers as they were sent", async () => {
    const text = await (await running.ask("/api/v1/events?node=a&limit=1")).text();
    expect(text).toContain('"big": 12345678901234567890');
  });

  it("are found by their id, with the content that came later", async () => {
    const { data } = await running.answer<Events>("/api/v1/events?node=a&limit=1");
    const [event] = data;
    await running.pool.query(
      `INSERT INTO metric_conflicts (time, record_offset, partition, event_id, node_id, topic, stored, received)
       VALUES ($1, 7, 3, $2, 'a', 'probe.metrics.enriched', '{"tenant": "default"}', '{"latency_ms": 99}')`,
      [event?.time, event?.event_id],
    );
    const path = `/api/v1/events/${event?.event_id}`;
    const conflict = {
      topic: "probe.metrics.enriched",
      partition: 3,
      offset: 7,
      received: { latency_ms: 99 },
    };
    for (const query of ["?node=a", `?node=a&time=${event?.time}`, `?time=${event?.time}`]) {
      expect(await running.answer(path + query)).toMatchObject({
        data: { event, conflicts: [conflict] },
      });
    }
    const unknown = await running.ask(path);
    expect([unknown.status, await unknown.json()]).toMatchObject([404, { code: "NO_SUCH_EVENT" }]);
    const { data: conflicts } = await running.answer<{ data: object[] }>(
      "/api/v1/conflicts?node=a",
    );
    expect(conflicts).toMatchObject([
      { ...conflict, event_id: event?.event_id, stored: { tenant: "default" } },
    ]);
    expect(await running.answer("/api/v1/conflicts?node=b")).toMatchObject({ data: [] });
  });
});

describe("a node's line", () => {
  it("keeps the first, last, lowest and highest event of each pixel", async () => {
    await insertNode(running.pool, "line");
    const begin = AT.getTime() - 1_000_000;
    const values = Array.from({ length: 1_000 }, (_, at) => (at === 503 ? 900 : 20 + (at % 7)));
    await running.pool.query(
      `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id, tenant, country,
                            region, probe_type, enrichment_status)
       SELECT to_timestamp(($1 + n * 1000) / 1000.0), now(), v, 100, 0, gen_random_uuid(), 'line', 'default', 'GH',
              'r', 'ping', 'complete'
       FROM unnest($2::float8[]) WITH ORDINALITY AS points (v, place), LATERAL (SELECT place - 1 AS n) AS at`,
      [begin, values],
    );
    const question = `/api/v1/raw-series?node=line&from=${new Date(begin).toISOString()}&to=${AT.toISOString()}`;
    const { data, meta } = await running.answer<{
      data: { t: number[]; v: number[] };
      meta: { events: number; pixel_ms: number };
    }>(`${question}&pixels=10`);
    expect(meta).toMatchObject({ events: 1_000, pixel_ms: 100_000 });
    expect(data.t.length).toBeLessThanOrEqual(40);
    expect(data.t).toEqual(data.t.toSorted((one, other) => one - other));
    expect(data.v[data.t.indexOf(begin + 503_000)]).toBe(900);
    for (const [at, t] of data.t.entries()) expect(values[(t - begin) / 1_000]).toBe(data.v[at]);
    const whole = await running.answer<{ data: { v: number[] } }>(`${question}&pixels=4000`);
    expect(whole.data.v).toEqual(values);
  });

  it("is refused for a range that is too long or ends before it begins", async () => {
    const codeOf = async (range: string) => {
      const answer = await running.ask(`/api/v1/raw-series?node=a&${range}`);
      return [answer.status, ((await answer.json()) as { code: string }).code];
    };
    expect(await codeOf("from=2026-01-01&to=2026-03-01")).toEqual([400, "WINDOW_TOO_LARGE"]);
    expect(await codeOf("from=2026-03-01&to=2026-01-01")).toEqual([422, "INVALID_PARAMETER"]);
  });
});

describe("all nodes", () => {
  it("are answered in columns with their latest event", async () => {
    type Latest = { data: Record<string, unknown[]>; meta: { count: number } };
    const { data, meta } = await running.answer<Latest>("/api/v1/nodes/latest");
    expect(data["node_id"]).toHaveLength(meta.count);
    const of = (node: string, column: string) =>
      data[column]?.[data["node_id"]?.indexOf(node) ?? -1];
    expect(of("a", "latency_ms")).toBe(10);
    expect(of("b", "latency_ms")).toBe(100);
    expect(of("b", "time")).toBe("2026-03-01T12:00:00.000000Z");
    expect(of("silent", "time")).toBeNull();
  });

  it("have a quality for each day", async () => {
    await running.pool.query(
      `INSERT INTO metric_quality_daily (day, node_id, events, expected, delay_min_ms)
       SELECT '2026-02-01'::date + n, node, 1430 + n, 1440, 12.5
       FROM generate_series(0, 4) AS n, unnest(ARRAY['a', 'b']) AS node`,
    );
    const days: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const more: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const {
        data,
        meta,
      }: { data: { day: string; node_id: string }[]; meta: { next_cursor: string | null } } =
        await running.answer(`/api/v1/quality?from=2026-02-02&to=2026-02-04&limit=4${more}`);
      days.push(...data.map(({ day, node_id: node }) => `${day} ${node}`));
      cursor = meta.next_cursor;
    }
    expect(days).toEqual(
      ["2026-02-04", "2026-02-03", "2026-02-02"].flatMap((day) => [`${day} a`, `${day} b`]),
    );
    expect((await running.ask("/api/v1/quality?from=2026-02-30")).status).toBe(422);
  });
});
