import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { exampleEvent } from "./example-event.ts";
import { startTestIntake, type TestIntake } from "./intake-fixture.ts";

let intake: TestIntake;
beforeAll(async () => {
  intake = await startTestIntake();
});
afterAll(() => intake.close());

const withMetadata = (text: string) =>
  JSON.stringify(exampleEvent({ metadata: "@@" })).replace('"@@"', text);

/** The metadata that was produced for it, by each way in. */
const keptOf = async (metadata: string): Promise<unknown[]> => {
  const event = withMetadata(metadata);
  const before = intake.produced.length;
  await intake.post("/api/push", event);
  await intake.post("/api/ingest", `{"metrics":[${event}]}`);
  await intake.post("/api/ingest", event, { "content-type": "application/x-ndjson" });
  return intake.produced.slice(before).map(({ event: { metadata: kept } }) => kept);
};

describe("numbers in metadata", () => {
  it.each([
    '{"a":9007199254740993}',
    '{"imsi":12345678901234567890,"ns":1790000000123456789}',
    '{"a":-12345678901234567890}',
    '{"a":[1,[0.1000000000000000055511151231257827],{"b":123456789.123456789}]}',
    '{"a":1.7976931348623157e308,"b":2.5E-3}',
    '{"a":1e-323}',
    '{"__proto__":{"a":9007199254740993}}',
    `{"a":${"9".repeat(300)}}`,
  ])("are produced as they were written: %s", async (metadata) => {
    expect(await keptOf(metadata)).toEqual([metadata, metadata, metadata]);
  });

  it("are what they were where a text only looks like such a number", async () => {
    const metadata = '{"a":"9007199254740993, 1e5","b":1.50,"c":0e-99999,"d":-0.0000000000000000}';
    const kept = '{"a":"9007199254740993, 1e5","b":1.5,"c":0,"d":0}';
    expect(await keptOf(metadata)).toEqual([kept, kept, kept]);
  });

  it("count by the last of two equal names", async () => {
    const kept = '{"a":1}';
    expect(await keptOf('{"a":9007199254740993,"a":1}')).toEqual([kept, kept, kept]);
  });

  it.each([
    ["beyond 1.8e308", '{"a":[1e309]}', "BAD_FORMAT"],
    ["that doubles take for 0", '{"a":{"b":-1e-400}}', "BAD_FORMAT"],
    ["of more than 4 KB", `{"a":0.${"3".repeat(4_100)}}`, "TOO_LONG"],
  ])("are refused %s", async (_what, metadata, code) => {
    const response = await intake.post("/api/ingest", `[${withMetadata(metadata)}]`);
    expect(await response.json()).toMatchObject({ code, errors: [{ field: "metadata" }] });
    expect(response.status).toBe(422);
  });

  it("leave the other fields' numbers alone, which are doubles", async () => {
    const event = withMetadata('{"a":9007199254740993}')
      .replace(/"latency_ms":[^,]+/, '"latency_ms":42.0000000000000000001')
      .replace(/"uptime_pct":[^,]+/, '"uptime_pct":9.99e1');
    expect((await intake.post("/api/push", event)).status).toBe(202);
    expect(intake.produced.at(-1)?.event).toMatchObject({ latency_ms: 42, uptime_pct: 99.9 });
  });
});
