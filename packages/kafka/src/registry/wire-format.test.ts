import { describe, expect, it } from "@jest/globals";
import { schemaIdOf, WIRE_PREFIX_BYTES, writeWirePrefix } from "./wire-format.ts";

describe("wire format", () => {
  it.each([1, 255, 65_536, 2_147_483_647])("carries schema id %i", (id) => {
    const value = Buffer.alloc(WIRE_PREFIX_BYTES, 0xff);
    writeWirePrefix(value, 0, id);
    expect(schemaIdOf(value)).toBe(id);
  });

  it.each([
    ["no value", null],
    ["a value shorter than the prefix", Buffer.from([0, 0, 0, 1])],
    ["another magic byte", Buffer.from([1, 0, 0, 0, 1, 2])],
  ])("is not in %s", (_what, value) => {
    expect(schemaIdOf(value)).toBeUndefined();
  });
});
