import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { eventSchema, type JsonSchema } from "../openapi/event-schema.ts";
import { exampleEvent } from "../testing/example-event.ts";
import { startTestIntake, type TestIntake } from "../testing/intake-fixture.ts";

let intake: TestIntake;
beforeAll(async () => {
  intake = await startTestIntake();
});
afterAll(() => intake.close());

const NAMES = ["node_id", "region", "target_host", "probe_type"];
const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => String.fromCodePoint(from + at));
const OBEYED = [
  ...range(0, 0x1f),
  ...range(0x7f, 0x9f),
  "\u061c",
  "\u200e",
  "\u200f",
  ...range(0x2028, 0x202e),
  ...range(0x2066, 0x2069),
];

describe("a name", () => {
  it.each(NAMES)("may have no control and no bidirectional character: %s", async (field) => {
    const events = OBEYED.map((one) => exampleEvent({ [field]: `probe${one}good` }));
    const response = await intake.post("/api/ingest", events);
    const { errors } = (await response.json()) as { errors: object[] };
    expect(errors).toEqual(
      events.map((_, index) => ({
        index,
        code: "BAD_FORMAT",
        field,
        message: expect.stringContaining("no NUL or other control character, no bidirectional"),
      })),
    );
  });

  it("of a batch may have none either", async () => {
    const { node_id: _, ...nodeless } = exampleEvent();
    const response = await intake.post("/api/ingest", {
      node_id: "a\u001b[2J",
      metrics: [nodeless],
    });
    expect(await response.json()).toMatchObject({ code: "BAD_FORMAT" });
  });

  it.each(["Zürich", "京都 1", "القاهرة", "пост-7", "👩‍🔬", "a b", "\u00a0é"])(
    "is of any script: %s",
    async (name) => {
      const names = Object.fromEntries(NAMES.map((field) => [field, name]));
      expect((await intake.post("/api/push", exampleEvent(names))).status).toBe(202);
    },
  );

  it("is described by this rule in the OpenAPI document", () => {
    const { properties } = eventSchema(readAvroSchema("ProbeMetric"), { isNodeRequired: true });
    for (const field of NAMES) {
      const { pattern } = (properties as Record<string, JsonSchema>)[field] ?? {};
      const rule = new RegExp(String(pattern), "u");
      expect(OBEYED.filter((one) => rule.test(`probe${one}good`))).toEqual([]);
      expect(rule.test("القاهرة 👩‍🔬")).toBe(true);
    }
  });
});
