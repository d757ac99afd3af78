import { describe, expect, it } from "@jest/globals";
import { parseBatch, parseOne } from "./parse-events.ts";
import { Refusal } from "./refusal.ts";

const body = (text: string) => Buffer.from(text);
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
  ])("says where %j stops being JSON", (text, where) => {
    const { code, message } = refusalOf(() => parseOne(body(text)));
    expect(code).toBe("MALFORMED_JSON");
    expect(message).toContain(where);
  });

  it("refuses levels without end without running out of stack", () => {
    expect(refusalOf(() => parseOne(body("[".repeat(1_000_000)))).code).toBe("MALFORMED_JSON");
  });

  it("refuses bytes that are not UTF-8", () => {
    expect(refusalOf(() => parseOne(Buffer.from([0x22, 0xff, 0x22]))).code).toBe("BAD_ENCODING");
  });
});

describe("parseBatch", () => {
  it.each([
    ["an object", '{"node_id":"n","metrics":[1,2]}', { inputs: [1, 2], nodeId: "n" }],
    ["an object without a node", '{"metrics":[1]}', { inputs: [1], nodeId: undefined }],
    ["an array", "[1,2]", { inputs: [1, 2] }],
  ])("reads %s", (_form, text, expected) => {
    expect(parseBatch(body(text), "json")).toEqual(expected);
  });

  it("reads lines, and marks those that are not JSON", () => {
    const parsed = parseBatch(body('{"a":1}\r\n\n{bad\n[2]'), "ndjson");
    expect(parsed.inputs).toEqual([{ a: 1 }, undefined, [2]]);
    expect([...(parsed.malformed ?? [])]).toEqual([
      [1, { code: "MALFORMED_JSON", message: "line 3 must be JSON, it is malformed at byte 1" }],
    ]);
  });

  it.each(['{"a":1}', '{"metrics":{}}', '"text"', "null", "[]", '{"metrics":[]}'])(
    "refuses %s as a batch",
    (text) => {
      expect(refusalOf(() => parseBatch(body(text), "json")).code).toBe("MALFORMED_BATCH");
    },
  );

  it("takes 10,000 events and not one more", () => {
    const array = (count: number) => body(`[${Array(count).fill(1).join(",")}]`);
    const lines = (count: number) => body("1\n".repeat(count));
    expect(parseBatch(array(10_000), "json").inputs).toHaveLength(10_000);
    expect(parseBatch(lines(10_000), "ndjson").inputs).toHaveLength(10_000);
    expect(refusalOf(() => parseBatch(array(10_001), "json")).code).toBe("PAYLOAD_TOO_LARGE");
    expect(refusalOf(() => parseBatch(lines(10_001), "ndjson")).code).toBe("PAYLOAD_TOO_LARGE");
  });
});
