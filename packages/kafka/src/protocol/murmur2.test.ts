import { createRequire } from "node:module";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { murmur2, partitionOfKey } from "./murmur2.ts";

const reference = createRequire(import.meta.url)(
  "kafkajs/src/producer/partitioners/default/murmur2",
) as (key: Buffer) => number;

describe("murmur2", () => {
  it("is the hash of other Kafka clients, of any key", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (array) => {
        const key = Buffer.from(array);
        expect(murmur2(key) & 0x7fffffff).toBe(reference(key) & 0x7fffffff);
      }),
    );
  });

  it("chooses the partitions that Kafka's own producer chooses", () => {
    // From Kafka's UtilsTest.testMurmur2.
    expect(murmur2(Buffer.from("21"))).toBe(-973932308);
    expect(murmur2(Buffer.from("foobar"))).toBe(-790332482);
    expect(murmur2(Buffer.from("a-little-bit-long-string"))).toBe(-985981536);
    expect(partitionOfKey(Buffer.from("21"), 12)).toBe((-973932308 & 0x7fffffff) % 12);
  });
});
