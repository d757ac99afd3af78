import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { exampleEvent } from "../testing/example-event.ts";
import { startTestIntake, type TestIntake } from "../testing/intake-fixture.ts";
import { parseKeepingNumbers } from "@fiberstream/event-rules/exact-numbers";
import { inexactTokens } from "@fiberstream/event-rules/inexact-tokens";
import { createBatchScan } from "./scan-batch.ts";

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
    '{"a":1.7976931348623157e308,"b":2.5E-300}',
    '{"a":1e-323,"b":[1.25E-310]}',
    '{"a\\"":"1, \\\\","b":-1234567890.1234567}',
    '{"metrics":[{"metadata":{"a":9007199254740993}}],"a":[9007199254740993,9007199254740993]}',
    '{"__proto__":{"a":9007199254740993}}',
    `{"a":${"9".repeat(300)}}`,
  ])("are produced as they were written: %s", async (metadata) => {
    expect(await keptOf(metadata)).toEqual([metadata, metadata, metadata]);
  });

  it("are written as JSON.stringify writes them if only a string looks like such a number", async () => {
    const metadata =
      '{"a":"x\\",9007199254740993,1e-400","b":1.50,"c":0e-99999,"d":-0.0000000000000000,"e":1e5}';
    const kept = '{"a":"x\\",9007199254740993,1e-400","b":1.5,"c":0,"d":0,"e":100000}';
    expect(await keptOf(metadata)).toEqual([kept, kept, kept]);
  });

  it("count by the last value of a repeated name", async () => {
    const kept = '{"a":1}';
    expect(await keptOf('{"a":9007199254740993,"a":1}')).toEqual([kept, kept, kept]);
  });

  it.each([
    ["beyond 1.8e308", '{"a":[1e309]}', "BAD_FORMAT"],
    ["that doubles take for 0", '{"a":{"b":-1e-400}}', "BAD_FORMAT"],
  ])("are refused %s", async (_what, metadata, code) => {
    const response = await intake.post("/api/ingest", `[${withMetadata(metadata)}]`);
    expect(await response.json()).toMatchObject({ code, errors: [{ field: "metadata" }] });
    expect(response.status).toBe(422);
  });

  it("are at most 64 in an event that a double may change", async () => {
    const numbers = (count: number) =>
      `{"a":[1,2,${Array.from({ length: count }, () => "1e-100").join(",")}]}`;
    expect(await keptOf(numbers(64))).toEqual([numbers(64), numbers(64), numbers(64)]);
    const response = await intake.post("/api/push", withMetadata(numbers(65)));
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      code: "BAD_FORMAT",
      errors: [{ field: "metadata", message: expect.stringContaining("at most 64 numbers") }],
    });
  });

  it("are as written beside fields that are not known, whatever their names", async () => {
    const event = withMetadata('{"a":9007199254740993}').replace("{", '{"metrics":[1],');
    expect((await intake.post("/api/push", event)).status).toBe(202);
    expect(intake.produced.at(-1)?.event.metadata).toBe('{"a":9007199254740993}');
  });

  it("take at most a few times as long as parsing, whatever the body contains", () => {
    const hostile = [
      `[${"1,".repeat(500_000)}9007199254740993]`,
      `["${"1e-1111".repeat(150_000)}"]`,
      `["${"9".repeat(1_000_000)}"]`,
      `["${"\\\\".repeat(250_000)}",9007199254740993]`,
      `[${'"",'.repeat(300_000)}9007199254740993]`,
      `[${"9007199254740993,".repeat(60_000)}1]`,
    ];
    const cpuMsOf = (work: () => void) => {
      const before = process.cpuUsage();
      work();
      return process.cpuUsage(before).user / 1_000;
    };
    for (const text of hostile) {
      const plainMs = cpuMsOf(() => void JSON.parse(text));
      expect(cpuMsOf(() => void parseKeepingNumbers(text))).toBeLessThan(300 + 10 * plainMs);
    }
  });

  it("are found at any position in a text", () => {
    const filling = fc.constantFrom(",", '"e-123"', '"\\\""', "1.5", "-0", " ", "true", '"é"');
    const number = fc.constantFrom("9007199254740993", "-0.12345678901234567", "1e-400", "2E-1000");
    fc.assert(
      fc.property(fc.array(fc.oneof(filling, number), { maxLength: 30 }), (parts) => {
        const text = parts.join(",");
        const found = inexactTokens(text).map(({ start, end }) => text.slice(start, end));
        expect(found).toEqual(
          parts.filter((part) => /^-?\d{16}$|\d{17}$|^\d[eE]-\d{3,}$/.test(part)),
        );
      }),
    );
  });

  /** What the scan of a batch says of it. */
  const mayBeInexact = (text: string, pieceBytes = 1_000) => {
    const scan = createBatchScan("json");
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      scan.scan(bytes.subarray(at, at + pieceBytes));
    }
    const found = scan.found();
    return found.format === "json" && found.mayBeInexact;
  };

  it("are searched for if the scan of their batch has seen one, in whatever pieces it arrives", () => {
    const number = fc.constantFrom("9007199254740993", "-0.1234567890123456", "1e-400", "2E-1000");
    const other = fc.constantFrom("1.5", "-0", "true", '"\\\""', '"é"', "null", "[]", "{}");
    const values = fc.array(fc.oneof(number, other), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        values,
        fc.nat(2),
        fc.integer({ min: 1, max: 40 }),
        (list, spaces, pieceBytes) => {
          const space = " ".repeat(spaces);
          const inner = list.join(`${space},${space}`);
          for (const metadata of [`{"a":${space}[${inner}]}`, `{"a":${space}${list.at(-1)}}`]) {
            if (inexactTokens(metadata).length === 0) continue;
            for (const batch of [
              `[1,{"metadata":${metadata}}]`,
              `{"metrics":[{"x":${metadata}}]}`,
            ]) {
              expect(mayBeInexact(batch, pieceBytes)).toBe(true);
            }
          }
        },
      ),
    );
  });

  it("are not searched for in a batch that has none in metadata", () => {
    const events = [
      exampleEvent({
        latency_ms: 0.1 + 0.2,
        metadata: { a: -1.5, b: "9007199254740993", c: [true] },
      }),
      exampleEvent({ packet_loss: 1e-7, metadata: { "e-1234": "1e-400", d: 1_234 } }),
    ];
    for (const indent of [0, 1]) {
      expect(mayBeInexact(JSON.stringify({ metrics: events }, null, indent))).toBe(false);
    }
  });

  it("count for the 4 KB of their event with all of their digits", async () => {
    const response = await intake.post(
      "/api/ingest",
      `[${withMetadata(`{"a":0.${"3".repeat(4_100)}}`)}]`,
    );
    expect(await response.json()).toMatchObject({ code: "TOO_LONG", errors: [{ index: 0 }] });
  });

  it("do not affect the numbers of other fields, which are doubles", async () => {
    const event = withMetadata('{"a":9007199254740993}')
      .replace(/"latency_ms":[^,]+/, '"latency_ms":42.0000000000000000001')
      .replace(/"uptime_pct":[^,]+/, '"uptime_pct":9.99e1');
    expect((await intake.post("/api/push", event)).status).toBe(202);
    expect(intake.produced.at(-1)?.event).toMatchObject({ latency_ms: 42, uptime_pct: 99.9 });
  });
});
