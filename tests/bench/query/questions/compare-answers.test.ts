import { describe, expect, it } from "@jest/globals";
import { differencesOf, type Table } from "./compare-answers.ts";
import { questionsOf } from "./questions.ts";

const table = (rows: Record<string, Record<string, string | number | null>>): Table =>
  new Map(Object.entries(rows));

describe("differencesOf", () => {
  const tolerances = { events: "exact", avg: "rounding", p95: "quantile" } as const;
  const rows = table({
    one: { events: 3, avg: 2, p95: 100 },
    two: { events: 1, avg: 1, p95: null },
  });

  it("finds none where values differ by what is allowed", () => {
    const answered = table({
      two: { events: 1, avg: 1, p95: null },
      one: { events: 3, avg: 2.000001, p95: 101.9 },
    });
    expect(differencesOf(answered, rows, tolerances)).toEqual([]);
  });

  it.each([
    ["a count", { one: { events: 4, avg: 2, p95: 100 } }, "one: events is 4, and 3 by the rows"],
    [
      "a quantile",
      { one: { events: 3, avg: 2, p95: 103 } },
      "one: p95 is 103, and 100 by the rows",
    ],
    ["null", { one: { events: 3, avg: null, p95: 100 } }, "one: avg is null, and 2 by the rows"],
    ["an item too many", { three: { events: 1 } }, "three is not in the rows"],
  ])("finds a wrong answer: %s", (_, wrong, difference) => {
    expect(
      differencesOf(table({ ...Object.fromEntries(rows), ...wrong }), rows, tolerances),
    ).toEqual([difference]);
  });

  it("finds what is missing, also when there is nothing", () => {
    expect(differencesOf(table({}), rows, tolerances)).toEqual([
      "one is missing",
      "two is missing",
    ]);
    expect(differencesOf(table({}), table({}), tolerances)).toHaveLength(1);
  });
});

describe("a question of the benchmark", () => {
  const plan = { rows: 10_000, nodes: 1_000, days: 7, seed: 1 };
  const span = { from: new Date("2026-03-01T00:00Z"), to: new Date("2026-03-08T00:00Z") };
  const question = (name: string) => {
    const found = questionsOf(plan, span).find((each) => each.name.startsWith(name));
    if (found === undefined) throw new Error(`there is no question ${name}`);
    return found.at(0);
  };

  it("about the latest events is answered wrongly if one value is another one", () => {
    const columns = {
      node_id: ["a", "b"],
      status: ["reporting", "reporting"],
      country: ["GH", "GH"],
      region: ["x", "x"],
      time: ["2026-03-07T00:00:00.000001Z", null],
      latency_ms: [1.5, null],
      uptime_pct: [99, null],
      packet_loss: [0, null],
      anomaly_score: [null, null],
    };
    const rows = columns.node_id.map((_, at) =>
      Object.fromEntries(Object.entries(columns).map(([name, list]) => [name, list[at] ?? null])),
    );
    const { compare } = question("nodes/latest");
    expect(compare({ data: columns }, rows)).toEqual([]);
    expect(compare({ data: { ...columns, latency_ms: [1.6, null] } }, rows)).toEqual([
      "a: latency_ms is 1.6, and 1.5 by the rows",
    ]);
  });

  it("about a series is answered wrongly if one bucket is another one", () => {
    const body = (events: number[]) => ({
      data: {
        series: [
          {
            key: {},
            values: {
              events,
              availability_pct: [100, 50],
              latency_avg_ms: [3, 4],
              latency_p50_ms: [3, 4],
              latency_p95_ms: [3, 4],
            },
          },
        ],
      },
      meta: { complete: true },
    });
    const rows = [
      {
        place: 0,
        events: 2,
        availability_pct: 100,
        latency_avg_ms: 3,
        latency_p50_ms: 3,
        latency_p95_ms: 3,
      },
      {
        place: 1,
        events: 2,
        availability_pct: 50,
        latency_avg_ms: 4,
        latency_p50_ms: 4,
        latency_p95_ms: 4,
      },
    ];
    const { compare } = question("series of one node");
    expect(compare(body([2, 2]), rows)).toEqual([]);
    expect(compare(body([2, 3]), rows)).toEqual(["bucket 1: events is 3, and 2 by the rows"]);
    expect(compare({ ...body([2, 2]), meta: { complete: false } }, rows)).toHaveLength(1);
  });
});
