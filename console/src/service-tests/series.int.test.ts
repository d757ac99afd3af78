import { createLife, type Life } from "@fiberstream/runtime/life";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  insertEvents,
  insertNode,
  refreshRollUps,
  startTestConsole,
  type TestConsole,
} from "./console-fixture.ts";

type Series = { key: Record<string, string>; values: Record<string, (number | null)[]> };
type Body = {
  data: { series: Series[]; previous?: Series[] };
  meta: {
    step_ms: number;
    points: number;
    source: string;
    from: string;
    complete: boolean;
    warnings: string[];
  };
};

/** A day that all resolutions are kept of, and that is over. */
const DAY = Math.floor(Date.now() / 86_400_000 - 2) * 86_400_000;
const iso = (ms: number) => new Date(ms).toISOString();
const MINUTE = 60_000;

/** Events of two hours: each minute 3 of node a (10 to 12 ms and more with time), 1 of node b, whose outage lasts 10 minutes. */
const EVENTS = Array.from({ length: 120 }, (_, minute) => {
  const at = DAY + minute * MINUTE;
  const isOut = minute >= 30 && minute < 40;
  return [
    ...[0, 1, 2].map((of) => ({
      at: at + of * 1_000,
      node: "a",
      region: "Accra",
      ms: 10 + of + minute / 10,
      loss: 0,
    })),
    {
      at: at + 500,
      node: "b",
      region: "Lagos",
      ms: isOut ? null : 100 + minute,
      loss: isOut ? 100 : 1,
    },
  ];
}).flat();

let life: Life;
let running: TestConsole;
beforeAll(async () => {
  life = createLife();
  running = await startTestConsole(life);
  for (const node of ["a", "b"]) await insertNode(running.pool, node);
  await running.pool.query(
    `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id, tenant, country,
                          region, probe_type, enrichment_status)
     SELECT to_timestamp(at / 1000.0), now(), ms, 100, loss, gen_random_uuid(), node, 'default', 'GH', region, 'ping', 'complete'
     FROM jsonb_to_recordset($1::jsonb) AS events (at double precision, node text, region text, ms double precision, loss double precision)`,
    [JSON.stringify(EVENTS)],
  );
  await refreshRollUps(running.pool);
});
afterAll(() => life.stop());

const RANGE = `from=${iso(DAY)}&to=${iso(DAY + 120 * MINUTE)}`;
/** The value at rank ceil(q * n), as percentile_disc. */
const quantileOf = (values: readonly number[], q: number) =>
  values.toSorted((one, other) => one - other)[Math.ceil(q * values.length) - 1] ?? Number.NaN;
const latencies = (of: (event: (typeof EVENTS)[number]) => boolean) =>
  EVENTS.filter(of).flatMap(({ ms }) => (ms === null ? [] : [ms]));

describe("a series", () => {
  it("has the figures of the rows in each bucket, at the finest resolution that fits", async () => {
    const stats =
      "events,measured,availability_pct,latency_avg_ms,latency_p95_ms,packet_loss_avg,packet_loss_max";
    const { data, meta } = await running.answer<Body>(
      `/api/v1/series?${RANGE}&node=b&stats=${stats}`,
    );
    expect(meta).toMatchObject({
      step_ms: MINUTE,
      points: 120,
      source: "metrics_series_1m",
      complete: true,
      warnings: [],
    });
    const [{ values } = { values: {} as Series["values"] }] = data.series;
    expect(values["events"]).toEqual(Array.from({ length: 120 }, () => 1));
    expect(values["availability_pct"]?.slice(28, 42)).toEqual([
      100,
      100,
      ...Array.from({ length: 10 }, () => 0),
      100,
      100,
    ]);
    expect(values["latency_avg_ms"]?.slice(29, 31)).toEqual([129, null]);
    expect(values["latency_p95_ms"]?.[50]).toBeCloseTo(150, 6);
    expect(values["packet_loss_max"]?.[35]).toBe(100);
  });

  it.each([
    [1_000, MINUTE, "1m"],
    [60, 5 * MINUTE, "5m"],
    [3, 60 * MINUTE, "1h"],
    [1, 1_440 * MINUTE, "1d"],
  ])("of at most %d points is answered in steps of %d ms", async (maxPoints, stepMs, width) => {
    const { data, meta } = await running.answer<Body>(
      `/api/v1/series?${RANGE}&stats=events,latency_p95_ms&max_points=${maxPoints}`,
    );
    expect(meta).toMatchObject({ step_ms: stepMs, source: `metrics_region_${width}` });
    const [series] = data.series;
    expect(series?.values["events"]?.reduce<number>((sum, count) => sum + (count ?? 0), 0)).toBe(
      EVENTS.length,
    );
    for (const [place, p95] of (series?.values["latency_p95_ms"] ?? []).entries()) {
      const from = Date.parse(meta.from) + place * stepMs;
      const exact = quantileOf(
        latencies(({ at }) => at >= from && at < from + stepMs),
        0.95,
      );
      expect(Math.abs((p95 ?? 0) / exact - 1)).toBeLessThan(0.02);
    }
  });

  it("is grouped, and compared with the time before", async () => {
    const { data } = await running.answer<Body>(
      `/api/v1/series?from=${iso(DAY + 60 * MINUTE)}&to=${iso(DAY + 120 * MINUTE)}&group=region&compare=1h&stats=events&resolution=1h`,
    );
    const of = (series: Series[] | undefined) =>
      series?.map(({ key, values }) => [key["region"], values["events"]]);
    expect(of(data.series)).toEqual([
      ["Accra", [180]],
      ["Lagos", [60]],
    ]);
    expect(of(data.previous)).toEqual(of(data.series));
    // A day after the events, in steps of two days.
    const steps = await running.answer<Body>(
      `/api/v1/series?from=${iso(DAY - 2_880 * MINUTE)}&to=${iso(DAY + 2_880 * MINUTE)}&compare=1d&stats=events&max_points=2`,
    );
    expect(steps.meta.step_ms).toBe(2_880 * MINUTE);
    const inSteps = (series: Series[] | undefined) => series?.[0]?.values["events"];
    const place = Math.floor((DAY - Date.parse(steps.meta.from)) / (2_880 * MINUTE));
    const moved = Math.floor(
      (DAY + 1_440 * MINUTE - Date.parse(steps.meta.from)) / (2_880 * MINUTE),
    );
    expect(inSteps(steps.data.series)?.indexOf(480)).toBe(place);
    expect(inSteps(steps.data.previous)?.indexOf(480)).toBe(moved);
    const byNode = await running.answer<Body>(
      `/api/v1/series?${RANGE}&group=node&stats=events&resolution=1d`,
    );
    expect(byNode.data.series.map(({ key }) => key["node_id"])).toEqual(["a", "b"]);
  });

  it("has the events of this minute, too, which no roll-up has yet", async () => {
    const now = new Date();
    await running.pool.query(
      `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id, tenant, country,
                            region, probe_type, enrichment_status)
       VALUES ($1, $1, 42, 100, 0, gen_random_uuid(), 'fresh', 'default', 'GH', 'Accra', 'ping', 'complete')`,
      [now],
    );
    const to = iso(now.getTime() + MINUTE);
    const { data } = await running.answer<Body>(
      `/api/v1/series?from=-10m&to=${to}&node=fresh&stats=events,latency_p50_ms`,
    );
    const [series] = data.series;
    expect(series?.values["events"]?.filter((count) => count !== null)).toEqual([1]);
    expect(series?.values["latency_p50_ms"]?.filter((ms) => ms !== null)).toEqual([42]);
    await refreshRollUps(running.pool);
  });

  it("has the events of a minute that waits because a write had late rows, too", async () => {
    const minute = Math.floor(Date.now() / MINUTE - 4) * MINUTE;
    const times = (at: number) => [at, at - 120 * MINUTE].map((ms) => new Date(ms));
    const insert = (at: number) =>
      running.pool.query(
        `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id, tenant, country,
                              region, probe_type, enrichment_status)
         SELECT time, now(), 42, 100, 0, gen_random_uuid(), 'late', 'default', 'GH', 'Accra', 'ping', 'complete'
         FROM unnest($1::timestamptz[]) AS time`,
        [times(at)],
      );
    await insert(minute);
    await refreshRollUps(running.pool);
    await insert(minute + 1_000);
    // One mark, from the late row to the other one.
    await running.pool.query("SELECT rollup_mark('{late,late}', $1)", [times(minute)]);
    const range = `from=${iso(minute)}&to=${iso(minute + MINUTE)}&node=late`;
    const asked = `/api/v1/series?${range}&stats=events`;
    const eventsNow = async () =>
      (await running.answer<Body>(asked)).data.series[0]?.values["events"]?.[0];
    // The marks of a second ago answer this second's questions.
    await until(async () => (await eventsNow()) === 2, { what: "both events count" });

    const late = `from=${iso(minute - 120 * MINUTE)}&to=${iso(minute - 119 * MINUTE)}&node=late`;
    for (const path of ["series", "summary", "histogram", "top"]) {
      const response = await running.ask(`/api/v1/${path}?${late}`);
      expect(response.headers.get("cache-control") ?? "").not.toContain("max-age");
      expect(await response.json()).toMatchObject({ meta: { complete: false } });
    }
    await refreshRollUps(running.pool);
    // An answer may be some seconds old.
    const after = await until(
      async () => {
        const answer = await running.answer<Body>(`/api/v1/summary?${late}`);
        return answer.meta.complete ? answer : undefined;
      },
      { what: "the answer is complete" },
    );
    expect(after).toMatchObject({ data: { events: 2 } });
  });

  it("is given again for a while to who asks the same, with its age", async () => {
    const [first, second] = [
      await running.ask("/api/v1/top?from=-1h"),
      await running.ask("/api/v1/top?from=-1h"),
    ];
    expect(first.headers.get("age")).toBeNull();
    expect(second.headers.get("age")).toMatch(/^[0-5]$/);
    expect(second.headers.get("etag")).toBe(first.headers.get("etag"));
    expect(await second.text()).toBe(await first.text());
  });

  it("may be used for an hour without asking again, if it is long past", async () => {
    const past = await running.ask("/api/v1/series?from=2026-03-01&to=2026-03-02");
    expect(past.headers.get("cache-control")).toBe("private, max-age=3600, immutable");
    const now = await running.ask("/api/v1/series?from=-1h");
    expect(now.headers.get("cache-control")).toMatch(/^private, max-age=\d+, stale/);
  });

  it.each([
    ["resolution=1m&max_points=10", "ask for resolution=1h"],
    ["stats=median", "stats"],
    ["group=planet", "group"],
    ["compare=1h&max_points=1", "compare: 1h is shorter than a bucket"],
  ])("is refused with a way out: %s", async (parameters, reason) => {
    const answer = await running.ask(`/api/v1/series?${RANGE}&${parameters}`);
    expect(answer.status).toBe(422);
    expect(((await answer.json()) as { detail: string }).detail).toContain(reason);
  });
});

describe("a range as a whole", () => {
  it("has its figures", async () => {
    const { data } = await running.answer<{ data: Record<string, number> }>(
      `/api/v1/summary?${RANGE}`,
    );
    expect(data).toMatchObject({ events: 480, measured: 470, packet_loss_max: 100 });
    expect(data["availability_pct"]).toBeCloseTo((100 * 470) / 480, 9);
    const exact = quantileOf(
      latencies(() => true),
      0.95,
    );
    expect(Math.abs((data["latency_p95_ms"] ?? 0) / exact - 1)).toBeLessThan(0.02);
    const none = await running.answer<{ data: object }>(`/api/v1/summary?${RANGE}&node=none`);
    expect(none.data).toMatchObject({ latency_p95_ms: null });
  });

  it("has its worst nodes", async () => {
    type Top = { data: { node_id: string; value: number }[] };
    const score = await running.answer<Top>(`/api/v1/top?${RANGE}`);
    expect(score.data.map(({ node_id: node }) => node)).toEqual(["b", "a"]);
    const events = await running.answer<Top>(`/api/v1/top?${RANGE}&by=events&n=1`);
    expect(events.data).toMatchObject([{ node_id: "a", value: 360 }]);
  });

  it("has the distribution of its latency", async () => {
    type Histogram = {
      data: {
        edges_ms: Record<string, [number, number]>;
        buckets: { bins: [number, number][]; events: number; without_latency: number }[];
      };
    };
    const { data } = await running.answer<Histogram>(
      `/api/v1/histogram?${RANGE}&max_points=2&node=b`,
    );
    expect(data.buckets.map(({ events, without_latency: without }) => [events, without])).toEqual([
      [60, 10],
      [60, 0],
    ]);
    for (const [hour, { bins }] of data.buckets.entries()) {
      const exact = latencies(
        ({ node, at }) => node === "b" && Math.floor((at - DAY) / 3_600_000) === hour,
      );
      expect(bins.reduce((sum, [, count]) => sum + count, 0)).toBe(exact.length);
      for (const [bin, count] of bins) {
        const [lower, upper] = data.edges_ms[bin] ?? [0, 0];
        expect(exact.filter((ms) => ms > lower && ms <= upper).length).toBe(count);
      }
    }
  });
});

describe("a time whose hours are sealed", () => {
  // Four weeks before yesterday: minutes are kept, but not of a node that sends once a minute.
  const PAST = DAY - 27 * 1_440 * MINUTE;
  const past = `from=${iso(PAST)}&to=${iso(PAST + 60 * MINUTE)}`;
  type Range = { data: Record<string, number>; meta: { source: string } };
  const eventsOf = (series: Series[] | undefined) =>
    series?.[0]?.values["events"]?.reduce<number>((sum, count) => sum + (count ?? 0), 0);

  beforeAll(async () => {
    await insertNode(running.pool, "slow");
    const at = new Date(PAST + 59 * MINUTE);
    await insertEvents(running.pool, { node: "slow", count: 60, at });
    await refreshRollUps(running.pool);
    const seal = async () =>
      (await running.pool.query<{ isMore: boolean }>('SELECT rollup_seal_hour() AS "isMore"'))
        .rows[0]?.isMore;
    while ((await seal()) === true);
    const sealed = "SELECT FROM rollup_state WHERE sealed_before > $1";
    expect((await running.pool.query(sealed, [at])).rowCount).toBe(1);
  });

  it("is answered from roll-ups that all nodes have", async () => {
    const series = `/api/v1/series?${past}&node=slow&stats=events`;
    const chosen = await running.answer<Body>(series);
    expect(chosen.meta).toMatchObject({ source: "metrics_series_5m", warnings: [] });
    expect(eventsOf(chosen.data.series)).toBe(60);
    const region = await running.answer<Body>(`/api/v1/series?${past}&stats=events`);
    expect(region.meta.source).toBe("metrics_region_1m");
    expect(eventsOf(region.data.series)).toBe(60);
    const { meta } = await running.answer<Body>(`${series}&resolution=1m`);
    expect(meta.warnings).toEqual([expect.stringContaining("is not kept at this resolution")]);
  });

  it("is compared with the present", async () => {
    const now = PAST + 28 * 1_440 * MINUTE;
    const { data, meta } = await running.answer<Body>(
      `/api/v1/series?from=${iso(now)}&to=${iso(now + 60 * MINUTE)}&node=slow&stats=events&compare=4w`,
    );
    expect(meta).toMatchObject({ source: "metrics_series_5m", warnings: [] });
    expect(eventsOf(data.previous)).toBe(60);
  });

  it("has its figures, nodes and distribution", async () => {
    const summary = await running.answer<Range>(`/api/v1/summary?${past}&node=slow`);
    expect(summary.data).toMatchObject({ events: 60 });
    const top = await running.answer<{ data: object[] }>(`/api/v1/top?${past}`);
    expect(top.data).toMatchObject([{ node_id: "slow", events: 60 }]);
    const histogram = await running.answer<{ data: { buckets: { events: number }[] } }>(
      `/api/v1/histogram?${past}&node=slow`,
    );
    expect(histogram.data.buckets.reduce((sum, { events }) => sum + events, 0)).toBe(60);
    const reference = await running.answer<{ data: object[] }>(
      `/api/metrics/aggregated?dimension=node&start_time=${iso(PAST)}&end_time=${iso(PAST + 60 * MINUTE)}`,
    );
    expect(reference.data).toMatchObject([{ dimension: "slow", reporting_count: 60 }]);
  });
});

describe("the reference system's aggregates", () => {
  it("have its shapes, and a true p95", async () => {
    const range = `start_time=${iso(DAY)}&end_time=${iso(DAY + 120 * MINUTE)}`;
    const byNode = await running.answer<{ data: Record<string, number>[] }>(
      `/api/metrics/aggregated?dimension=node&interval=1m&${range}`,
    );
    expect(byNode.data).toMatchObject([
      {
        dimension: "a",
        reporting_count: 360,
        downtime_intervals: 0,
        availability_pct: 100,
        min_latency: 10,
      },
      { dimension: "b", reporting_count: 120, downtime_intervals: 10 },
    ]);
    const exact = quantileOf(
      latencies(({ node }) => node === "a"),
      0.95,
    );
    expect(Math.abs((byNode.data[0]?.["p95_latency"] ?? 0) / exact - 1)).toBeLessThan(0.02);
    const byRegion = await running.answer<{ data: object[] }>(
      `/api/metrics/aggregated?dimension=region&${range}`,
    );
    expect(byRegion.data).toMatchObject([{ dimension: "Accra/GH" }, { dimension: "Lagos/GH" }]);

    const cluster = await running.answer(`/api/metrics/cluster?top_n=1&${range}`);
    expect(cluster).toMatchObject({
      status: "ok",
      data: {
        time_range: { start: iso(DAY) },
        fleet_summary: { total_nodes: 2, avg_uptime_pct: 100 },
        regional_breakdown: [
          { region: "gh-accra", nodes: 1 },
          { region: "gh-lagos", nodes: 1 },
        ],
        top_problematic_nodes: [{ node_id: "b", region: "gh-lagos" }],
      },
    });
  });

  it("are refused as the reference system refuses them", async () => {
    const answer = await running.ask(
      "/api/metrics/cluster?start_time=2026-01-01T00:00:00&end_time=2026-01-09T00:00:00",
    );
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
      400,
      "WINDOW_TOO_LARGE",
    ]);
    expect((await running.ask("/api/metrics/aggregated")).status).toBe(422);
  });
});
