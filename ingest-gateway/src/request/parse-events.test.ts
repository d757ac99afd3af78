import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { Fault } from "@fiberstream/event-rules/fault";
import { Refusal } from "../answers/refusal.ts";
import type { BodyFormat } from "./media-type.ts";
import { parseBatch, parseOne } from "./parse-events.ts";
import { createBatchScan } from "./scan-batch.ts";

const body = (text: string) => Buffer.from(text);
/** All of a batch as it came, in pieces of so many bytes. */
const batchOf = (bytes: Buffer, format: BodyFormat = "json", pieceBytes = 64 * 1_024) => {
  const scan = createBatchScan(format);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    scan.scan(bytes.subarray(at, at + pieceBytes));
  }
  const { count, nodeId, inputAt } = parseBatch(bytes, scan.found());
  const faults: Fault[] = [];
  const inputs = Array.from({ length: count }, (_, index) => inputAt(index, faults));
  return { inputs, nodeId, faults };
};
const refusalOf = (parse: () => unknown): Refusal => {
  try {
    parse();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("was not refused");
};

describe("parseOne", () => {
  it.each([
    ['{"a":1,,}', "malformed at byte 7"],
    ['{"a":01}', "malformed at byte 6"],
    ['{"é":1 "b":2}', "malformed at byte 8"],
    ['{"a":1', "ends too early, after byte 6"],
    ['{"a":"\n"}', "malformed at byte 5"],
    ['{"a":1} x', "malformed at byte 8"],
    ["[1,2,]", "malformed at byte 5"],
    ["// no", "malformed at byte 0"],
    ["", "got nothing"],
    [" \n", "got nothing"],
    ["NaN", "malformed at byte 0"],
  ])("reports where %j stops being JSON", (text, where) => {
    const { code, message } = refusalOf(() => parseOne(body(text)));
    expect(code).toBe("MALFORMED_JSON");
    expect(message).toContain(where);
  });

  it("refuses very many levels without a stack overflow", () => {
    expect(refusalOf(() => parseOne(body("[".repeat(1_000_000)))).code).toBe("MALFORMED_JSON");
  });

  it("refuses bytes that are not UTF-8", () => {
    expect(refusalOf(() => parseOne(Buffer.from([0x22, 0xff, 0x22]))).code).toBe("BAD_ENCODING");
  });
});

describe("parseBatch", () => {
  it("accepts 100 lists beside the events, and refuses more before it parses any", () => {
    const withLists = (count: number) => body(`{${'"":[1],'.repeat(count)}"metrics":[2]}`);
    expect(batchOf(withLists(100)).inputs).toEqual([2]);
    const { code, message } = refusalOf(() => batchOf(withLists(101)));
    expect([code, message]).toEqual(["MALFORMED_BATCH", expect.stringContaining("100 lists")]);
  });

  it.each([
    ["an object", '{"node_id":"n","metrics":[1,2]}', [1, 2], "n"],
    ["an object without a node", '{"metrics":[1]}', [1], undefined],
    ["an array", " [1 , 2]\n", [1, 2], undefined],
    [
      "a list behind another one",
      '{"tags":["a",[]],"metrics":[{"a":[1]}]}',
      [{ a: [1] }],
      undefined,
    ],
    ["the last of two lists", '{"metrics":[1],"metrics":[2,3]}', [2, 3], undefined],
    ["a name in escapes", String.raw`{"metr\u0069cs":["]}\"[",2]}`, [']}"[', 2], undefined],
  ])("reads %s, in whatever pieces it arrives", (_form, text, inputs, nodeId) => {
    for (const pieceBytes of [1, 2, 3, 1_000]) {
      expect(batchOf(body(text), "json", pieceBytes)).toEqual({ inputs, nodeId, faults: [] });
    }
  });

  it("reads lines, and marks those that are not JSON", () => {
    for (const pieceBytes of [1, 5, 1_000]) {
      const parsed = batchOf(body('{"a":1}\r\n\n \r\n{bad\n[2]'), "ndjson", pieceBytes);
      expect(parsed.inputs).toEqual([{ a: 1 }, undefined, [2]]);
      expect(parsed.faults).toEqual([
        { code: "MALFORMED_JSON", message: "line 4 must be JSON, it is malformed at byte 1" },
      ]);
    }
  });

  it.each([
    '{"a":1}',
    '{"metrics":{}}',
    '{"a":{"metrics":[1]}}',
    '"text"',
    "null",
    "[]",
    "[ ]",
    '{"metrics":[]}',
  ])("refuses %s as a batch", (text) => {
    expect(refusalOf(() => batchOf(body(text))).code).toBe("MALFORMED_BATCH");
  });

  it.each([
    ['[{"é":1},{"a":1,,}]', "malformed at byte 17"],
    ["[1,2,]", "malformed at byte 5"],
    ["[1,,2]", "malformed at byte 3"],
    ["[1 2]", "malformed at byte 3"],
    ["[1}", "malformed at byte 2"],
    ["[1,2", "ends too early, after byte 4"],
    ['[{"a":1', "ends too early, after byte 7"],
    ['[{"a":]', "malformed at byte 6"],
    ['{"metrics":[1000,2000],"x":nul}', "malformed at byte 27"],
    ['{"x":[1000,2 3],"metrics":[1]}', "malformed at byte 13"],
    ["[1][2]", "malformed at byte 3"],
    ["", "got nothing"],
  ])("reports where %j stops being JSON", (text, where) => {
    const { code, message } = refusalOf(() => batchOf(body(text)));
    expect(code).toBe("MALFORMED_JSON");
    expect(message).toContain(where);
  });

  it("accepts the same JSON as JSON.parse, with the same result", () => {
    const batch = fc.oneof(
      fc.array(fc.jsonValue(), { minLength: 1 }),
      fc.record({ node_id: fc.jsonValue(), metrics: fc.array(fc.jsonValue(), { minLength: 1 }) }),
      fc.record({
        x: fc.array(fc.jsonValue()),
        metrics: fc.array(fc.jsonValue(), { minLength: 1 }),
      }),
    );
    const cut = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      put: fc.constantFrom("", ",", '"', "]", "}", "[", "{", " ", "\\", "7"),
    });
    fc.assert(
      fc.property(
        batch,
        fc.option(cut),
        fc.integer({ min: 1, max: 50 }),
        (value, change, pieceBytes) => {
          const whole = JSON.stringify(value, null, pieceBytes % 3);
          const at = Math.floor((change?.at ?? 0) * whole.length);
          const text =
            change === null ? whole : whole.slice(0, at) + change.put + whole.slice(at + 1);
          let expected: unknown;
          let isJson = true;
          try {
            expected = JSON.parse(text);
          } catch {
            isJson = false;
          }
          const read = () => batchOf(body(text), "json", pieceBytes);
          if (!isJson) expect(refusalOf(read).code).toBe("MALFORMED_JSON");
          else if (Array.isArray(expected) && expected.length > 0) {
            expect(read().inputs).toEqual(expected);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("accepts 10,000 events and not one more", () => {
    const array = (count: number) => body(`[${Array(count).fill(1).join(",")}]`);
    const lines = (count: number) => body("1\n".repeat(count));
    expect(batchOf(array(10_000)).inputs).toHaveLength(10_000);
    expect(batchOf(lines(10_000), "ndjson").inputs).toHaveLength(10_000);
    expect(refusalOf(() => batchOf(array(10_001))).code).toBe("PAYLOAD_TOO_LARGE");
    expect(refusalOf(() => batchOf(lines(10_001), "ndjson")).code).toBe("PAYLOAD_TOO_LARGE");
  });

  it("rejects an event above 4 KB alone, and counts no white space around it", () => {
    const large = JSON.stringify("x".repeat(4_095));
    const spaced = `${" ".repeat(5_000)}2${"\n".repeat(5_000)}`;
    for (const [text, format] of [
      [`[1,${large},${spaced.replaceAll("\n", " ")}]`, "json"],
      [`1\n${large}\n${spaced}`, "ndjson"],
    ] as const) {
      const { inputs, faults } = batchOf(body(text), format);
      expect(inputs).toEqual([1, undefined, 2]);
      expect(faults).toEqual([
        { code: "TOO_LONG", message: "an event must be at most 4096 bytes, got 4097" },
      ]);
    }
  });
});

describe("the scan of a batch", () => {
  it.each([
    ["levels without end", "json", "[", "TOO_DEEP"],
    ["objects without end", "json", '{"a":', "TOO_DEEP"],
    ["empty lists", "json", "[],", "PAYLOAD_TOO_LARGE"],
    ["empty objects", "json", "{},", "PAYLOAD_TOO_LARGE"],
    ["white space around the events", "json", " ", "PAYLOAD_TOO_LARGE"],
    ["blank lines", "ndjson", "\n", "PAYLOAD_TOO_LARGE"],
    ["lines of spaces", "ndjson", "  \r\n", "PAYLOAD_TOO_LARGE"],
  ] as const)("ends early in %s", (what, format, text, code) => {
    const begin = what.startsWith("empty") ? "[" : "";
    const scan = createBatchScan(format);
    scan.scan(body(begin));
    const piece = body(text.repeat(1_000));
    const looked = { pieces: 0 };
    const refusal = refusalOf(() => {
      for (; looked.pieces < 10_000; looked.pieces++) scan.scan(piece);
    });
    expect(refusal.code).toBe(code);
    expect(looked.pieces * piece.length).toBeLessThan(128 * 1_024);
  });
});
