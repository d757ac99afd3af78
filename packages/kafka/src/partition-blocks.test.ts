import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { blocksAround, isOwned, shareOut } from "./partition-blocks.ts";

const upTo = (count: number) => Array.from({ length: count }, (_, number) => number);

describe("blocks of partitions", () => {
  it("lie around a partition, each inside the one before", () => {
    expect(blocksAround(13)).toEqual([
      { first: 0, size: 16 },
      { first: 8, size: 8 },
      { first: 12, size: 4 },
      { first: 12, size: 2 },
      { first: 13, size: 1 },
    ]);
  });

  it("are owned when all of their partitions are, as far as there are any", () => {
    const owned = new Set([0, 1, 2, 3, 8, 9]);
    expect(isOwned({ first: 0, size: 4 }, owned, 12)).toBe(true);
    expect(isOwned({ first: 0, size: 8 }, owned, 12)).toBe(false);
    expect(isOwned({ first: 8, size: 4 }, owned, 12)).toBe(false);
    expect(isOwned({ first: 8, size: 4 }, owned, 10)).toBe(true);
  });
});

describe("shares of partitions", () => {
  it("give one member of twelve partitions all, and two members six neighbours each", () => {
    expect(shareOut(upTo(12), ["a"])).toEqual(new Map([["a", upTo(12)]]));
    expect(shareOut(upTo(12), ["a", "b"])).toEqual(
      new Map([
        ["a", [0, 1, 2, 3, 4, 5]],
        ["b", [6, 7, 8, 9, 10, 11]],
      ]),
    );
  });

  it("hold every partition once, neighbours together, none more than one more than another", () => {
    const members = fc.integer({ min: 1, max: 9 }).map((count) => upTo(count).map(String));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60 }), members, (count, names) => {
        const shares = [...shareOut(upTo(count).toReversed(), names).values()];
        expect(shares.flat()).toEqual(upTo(count));
        const sizes = shares.map(({ length }) => length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
