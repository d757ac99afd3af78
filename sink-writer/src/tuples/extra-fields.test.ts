import { describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import { createExtraFields } from "./extra-fields.ts";

it("keeps fields of any name", () => {
  const names = ["constructor", "__proto__", "toString"];
  const type = avsc.Type.forSchema({
    type: "record",
    name: "Newer",
    fields: names.map((name) => ({ name, type: "string", default: "" })),
  });
  const avro = Buffer.from("\u0002a\u0002b\u0002c");
  const extraFields = createExtraFields(
    type,
    names.map((name) => ({ name })),
  );
  const json = extraFields(avro, [0, 2, 2, 4, 4, 6])?.toString();
  expect(json).toBe('{"constructor":"a","__proto__":"b","toString":"c"}');
});

describe("numbers that JSON parsers may not represent", () => {
  const readAs = (type: avsc.Schema, fallback: unknown, ...avro: Buffer[]) => {
    const fields = [{ name: "measured", type, default: fallback }];
    const writer = avsc.Type.forSchema({ type: "record", name: "Newer", fields });
    const bytes = Buffer.concat(avro);
    return String(createExtraFields(writer, [{ name: "measured" }])(bytes, [0, bytes.length]));
  };
  /** As a producer in another language writes it. */
  const long = (value: bigint): Buffer => {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    return Buffer.from([...bytes, Number(rest)]);
  };
  const double = (value: number): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return bytes;
  };
  const large = 1_790_000_000_123_456_789n;

  it.each<[string, avsc.Schema, unknown, Buffer[], string]>([
    ["a nanosecond time", ["null", "long"], null, [long(1n), long(large)], `${large}`],
    ["one with a default", ["long", "null"], 0, [long(0n), long(large)], `${large}`],
    ["the least long", "long", 5, [long(-(2n ** 63n))], "-9223372036854775808"],
    [
      "a list of them",
      { type: "array", items: "long" },
      [],
      [long(2n), long(large), long(1n), long(0n)],
      `[${large},1]`,
    ],
    ["one of two kinds", ["long", "double"], 1, [long(0n), long(large)], `{"long":${large}}`],
    ["a small one of two kinds", ["long", "double"], 1, [long(0n), long(5n)], '{"long":5}'],
    ["what is no number", "double", 0, [double(Number.NaN)], '"NaN"'],
    ["an infinity", "double", 0, [double(Number.NEGATIVE_INFINITY)], '"-Infinity"'],
  ])("keeps %s", (_what, type, fallback, avro, json) => {
    expect(readAs(type, fallback, ...avro)).toBe(`{"measured":${json}}`);
  });

  it("reports that truncated bytes do not match the schema", () => {
    expect(readAs("double", 0, Buffer.alloc(4))).toBe("undefined");
  });
});
