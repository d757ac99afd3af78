import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { exampleEvent } from "../testing/example-event.ts";
import { startTestIntake, type TestIntake } from "../testing/intake-fixture.ts";

let intake: TestIntake;
beforeAll(async () => {
  intake = await startTestIntake();
});
afterAll(() => intake.close());

const event = JSON.stringify(exampleEvent());
/** An event's text with a field's value replaced by other text, which may be no JSON at all. */
const withText = (field: string, text: string) =>
  JSON.stringify(exampleEvent({ [field]: "@@" })).replace('"@@"', text);
const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
const ago = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);

describe("an invalid single event", () => {
  const rows: [string, string, string, RegExp][] = [
    ["NaN", withText("latency_ms", "NaN"), "MALFORMED_JSON", /malformed at byte \d+/],
    ["Infinity", withText("latency_ms", "Infinity"), "MALFORMED_JSON", /malformed at byte \d+/],
    ["1e999", withText("latency_ms", "1e999"), "OUT_OF_RANGE", /0 to 10000, got Infinity/],
    ["a number in quotes", withText("latency_ms", '"42"'), "WRONG_TYPE", /must be a number/],
    ["NUL", withText("region", String.raw`"a\u0000b"`), "BAD_FORMAT", /region .*no NUL/],
    ["half a pair", withText("region", String.raw`"\ud83d"`), "BAD_FORMAT", /region .*surrogate/],
    ["no offset", withText("timestamp", `"${ago(1)}T12:00:00"`), "BAD_FORMAT", /Z or an offset/],
    ["a leap second", withText("timestamp", '"2016-12-31T23:59:60Z"'), "BAD_FORMAT", /such as/],
    ["year 10000", withText("timestamp", '"10000-01-01T00:00:00Z"'), "BAD_FORMAT", /such as/],
    ["29 February 2026", withText("timestamp", '"2026-02-29T00:00:00Z"'), "BAD_FORMAT", /ISO/],
    ["29 February 2024", withText("timestamp", '"2024-02-29T00:00:00Z"'), "TOO_OLD", /drop it/],
    ["a small country", withText("country", '"gh"'), "BAD_FORMAT", /such as "GH", got "gh"/],
    ["spaces", withText("node_id", '"   "'), "BAD_FORMAT", /more than spaces/],
    ["deep metadata", withText("metadata", nested(500)), "BAD_FORMAT", /at most 32 levels/],
    ["deeper than 4 KB", withText("metadata", nested(10_000)), "PAYLOAD_TOO_LARGE", /4096 bytes/],
    ["nothing", "", "MALFORMED_JSON", /got nothing/],
    ["two events", `${event}\n${event}`, "MALFORMED_JSON", /malformed at byte/],
  ];
  it.each(rows)("is refused with advice: %s", async (_what, body, code, detail) => {
    const response = await intake.post("/api/push", body);
    expect(await response.json()).toMatchObject({ code, detail: expect.stringMatching(detail) });
    expect(intake.produced).toEqual([]);
  });
});

describe("a batch with invalid events", () => {
  const ndjson = { "content-type": "application/x-ndjson" };

  it("keeps its valid lines if it is cut in the middle of one", async () => {
    const response = await intake.post("/api/ingest", `${event}\n${event.slice(0, 50)}`, ndjson);
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({
      data: { accepted: 1, rejected: 1 },
      results: [{ index: 1, code: "MALFORMED_JSON", message: expect.stringMatching(/^line 2 /) }],
    });
  });

  it.each([
    ["no events", '{"metrics":[]}', 400, "MALFORMED_BATCH"],
    ["10,001 events", `[${Array(10_001).fill("1").join(",")}]`, 413, "PAYLOAD_TOO_LARGE"],
    ["a number of metrics", '{"metrics":7}', 400, "MALFORMED_BATCH"],
    ["metadata of 50 levels", `[${withText("metadata", nested(50))}]`, 422, "BAD_FORMAT"],
    ["metadata of 10,000 levels", `[${withText("metadata", nested(10_000))}]`, 400, "TOO_DEEP"],
    [
      "metadata of 4,097 bytes",
      `[${withText("metadata", JSON.stringify({ a: "x".repeat(4_089) }))}]`,
      422,
      "TOO_LONG",
    ],
  ])("is refused with %s", async (_what, body, status, code) => {
    const response = await intake.post("/api/ingest", body);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code });
  });

  it.each([
    ["one is read and has a fault of its own", `{"a":\n${withText("latency_ms", "-1")}`, 422],
    ["that one is the last", `x\n\ny\n${withText("country", '"gh"')}`, 422],
    ["no line is JSON", "x\ny", 400],
  ])(
    "gets the status of an event with a fault of its own, if there is one, when all are rejected: %s",
    async (_what, body, status) => {
      const response = await intake.post("/api/ingest", body, ndjson);
      const problem = (await response.json()) as { status: number; errors: { code: string }[] };
      expect([response.status, problem.status]).toEqual([status, status]);
      expect(problem.errors[0]?.code).toBe("MALFORMED_JSON");
    },
  );

  it("uses the last value of a repeated name, and the nearest double of a long number", async () => {
    const body = event
      .replace('"country":', '"country":"XX","country":')
      .replace(/"latency_ms":[^,]+/, '"latency_ms":42.000000000000000000001');
    const before = intake.produced.length;
    expect((await intake.post("/api/ingest", `[${body}]`)).status).toBe(202);
    expect(intake.produced[before]?.event).toMatchObject({ country: "GH", latency_ms: 42 });
  });

  it("gets an answer of bounded size if all events are invalid, with the first faults in full", async () => {
    const metrics = Array.from({ length: 10_000 }, () => ({ node_id: "x".repeat(100) }));
    const text = await (await intake.post("/api/ingest", { metrics })).text();
    expect(text.length).toBeLessThan(1_000_000);
    const { errors } = JSON.parse(text) as { errors: { index: number; message?: string }[] };
    expect(errors[0]?.message).toMatch(/node_id must be 1 to 50 characters, got 100/);
    expect(errors.at(-1)).toEqual({ index: 9_999, code: "TOO_LONG" });
  });
});
