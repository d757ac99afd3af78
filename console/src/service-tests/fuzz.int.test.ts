import { createLife, type Life } from "@fiberstream/runtime/life";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { insertEvents, insertNode, startTestConsole, type TestConsole } from "./console-fixture.ts";

type Plain = string | number | boolean;
type Schema = { enum?: Plain[]; default?: Plain; minimum?: number; maximum?: number };
type Parameter = { name: string; in: string; required: boolean; schema: Schema };
type Operation = {
  parameters: Parameter[];
  responses: Record<string, object>;
  requestBody?: { content: Record<string, { schema: { properties?: Record<string, Schema> } }> };
};
type Document = { paths: Record<string, Record<string, Operation>> };

let life: Life;
let running: TestConsole;
let document: Document;
beforeAll(async () => {
  life = createLife();
  running = await startTestConsole(life, {
    QUERY_BURST: "10000000",
    QUERY_RATE_PER_SECOND: "1000000",
  });
  await insertNode(running.pool, "a");
  await insertEvents(running.pool, { node: "a", count: 5 });
  document = (await (await running.ask("/openapi.json")).json()) as Document;
});
afterAll(() => life.stop());

/** Values that a route may mistake for something else. */
const HOSTILE = [
  "",
  " ",
  "\0",
  "'",
  '"',
  "\\",
  "%",
  "a,b",
  ",",
  "null",
  "NaN",
  "-1",
  "0",
  "1e9",
  "1e400",
  "0x10",
  "9".repeat(40),
  "../..",
  "ÿ\u202e",
  "\ud83d\ude00",
  "$1",
  "${x}",
  "'; DROP TABLE metrics; --",
  "x".repeat(3_000),
  "[1]",
  "{}",
  "true",
  "-0s",
  "-99999999d",
  "2026-02-30",
  "2026-03-01T00:00:00",
  "9999-12-31T23:59:59Z",
  "0001-01-01T00:00:00Z",
  "infinity",
] as const;
/** Values that are often accepted, so that the questions reach the database. */
const PLAUSIBLE: Record<string, readonly string[]> = {
  from: ["-1h", "-7d", "2026-01-01"],
  to: ["-0s", "2100-01-01"],
  start_time: ["-1h", "2026-01-01T00:00:00"],
  end_time: ["2100-01-01", "-1m"],
  node: ["a", "a,b", "'"],
  node_id: ["a", "%", "\u202e"],
  where: [
    "latency_ms > 1",
    "not (latency_ms / 0 > 1)",
    "metadata = null or -timestamp < 0",
    "lower(node_id) in ['a']",
  ],
  stats: ["events", "latency_p50_ms,latency_max_ms,lost"],
  event_id: ["6ba7b810-9dad-11d1-80b4-00c04fd430c8"],
  time: ["-1h"],
};

const valueOf = ({ name, schema }: Pick<Parameter, "name" | "schema">): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...(PLAUSIBLE[name] ?? plain(schema))) },
    { weight: 1, arbitrary: fc.constantFrom(...HOSTILE) },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 20 }) },
  );

function plain({ enum: values, default: standard, minimum = 0, maximum = 10 }: Schema): string[] {
  if (values !== undefined) return values.map(String);
  return [String(standard ?? "a"), String(minimum), String(maximum)];
}

const requestOf = (path: string, method: string, { parameters, requestBody }: Operation) => {
  const fields = Object.entries(requestBody?.content["application/json"]?.schema.properties ?? {});
  return fc.record({
    path: fc
      .tuple(...parameters.filter((each) => each.in === "path").map(valueOf))
      .map((values) =>
        values.reduce((text, value) => text.replace(/\{\w+\}/, encodeURIComponent(value)), path),
      ),
    query: fc
      .tuple(
        ...parameters
          .filter((each) => each.in === "query")
          .map((each) =>
            fc
              .option(valueOf(each), { freq: each.required ? 20 : 1 })
              .map((value): [string, string][] => (value === null ? [] : [[each.name, value]])),
          ),
      )
      .map((pairs) => new URLSearchParams(pairs.flat()).toString()),
    method: fc.constant(method.toUpperCase()),
    body: fc
      .tuple(
        ...fields.map(([name, schema]) =>
          fc
            .option(fc.oneof(valueOf({ name, schema }), fc.json(), fc.double(), fc.constant(null)))
            .map((value) => [name, value]),
        ),
      )
      .map((entries) =>
        requestBody === undefined ? undefined : JSON.stringify(Object.fromEntries(entries)),
      ),
    revision: fc.constantFrom('"1"', "1", '"x"', "*", undefined),
  });
};

describe("every route", () => {
  it("answers any request with a status that it documents, and never fails", async () => {
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
    const streams = new Set(["/api/v1/stream"]);
    const requests = operations
      .filter(({ path }) => !streams.has(path))
      .map(({ path, method, operation }) =>
        fc.tuple(requestOf(path, method, operation), fc.constant(operation.responses)),
      );
    await fc.assert(
      fc.asyncProperty(fc.oneof(...requests), async ([request, documented]) => {
        const { path, query, method, body, revision } = request;
        const answer = await running.ask(`${path}?${query}`, {
          method,
          ...(body !== undefined && { body }),
          headers: {
            ...(body !== undefined && { "content-type": "application/json" }),
            ...(revision !== undefined && { "if-match": revision }),
          },
        });
        const text = await answer.text();
        // A path parameter that is empty, or is not UTF-8, is another path.
        const known = [...Object.keys(documented), "400", "404", "405"];
        expect({ status: String(answer.status), text }).toMatchObject({
          status: expect.stringMatching(new RegExp(`^(?!500)(${known.join("|")})$`)),
        });
        if (answer.status >= 400) {
          expect(answer.headers.get("content-type")).toBe("application/problem+json");
          expect(JSON.parse(text)).toMatchObject({
            code: expect.any(String),
            request_id: expect.any(String),
          });
        } else if (answer.headers.get("content-type") === "application/json") JSON.parse(text);
      }),
      { numRuns: 600, seed: 20_261_128 },
    );
    expect(running.service.logs()).not.toContain("question failed");
  });
});
