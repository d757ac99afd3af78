import { describe, expect, it } from "@jest/globals";
import { createRandom } from "@fiberstream/simulator/probes/random";
import { isFlat } from "../load/flatness.ts";
import { judgeDifference, smallestP } from "./judge-difference.ts";
import { turnsOf } from "./turns.ts";

const lagOf = (value: (second: number) => number) =>
  Array.from({ length: 20 }, (_, second) => [second, value(second)] as const);

describe("isFlat", () => {
  it("accepts a lag that varies around the same value", () => {
    expect(
      isFlat(
        lagOf((second) => 3_000 + (second % 3) * 500),
        20_000,
      ),
    ).toBe(true);
  });

  it("rejects a lag that grows by a twentieth of the rate", () => {
    expect(
      isFlat(
        lagOf((second) => 3_000 + second * 1_000),
        20_000,
      ),
    ).toBe(false);
  });

  it("rejects a lag that is large, but does not grow", () => {
    expect(
      isFlat(
        lagOf(() => 50_000),
        20_000,
      ),
    ).toBe(false);
  });
});

describe("judgeDifference", () => {
  const judge = (a: number[], b: number[]) =>
    judgeDifference(a, b, { better: "lower", random: createRandom(7).unit });

  it("finds a difference that is larger than the noise, with its interval", () => {
    const judged = judge([10, 10.2, 9.9, 10.1, 10], [8, 8.1, 7.9, 8.2, 8]);
    expect(judged.verdict).toBe("better");
    expect(judged.changePercent).toBeCloseTo(-19.9, 1);
    expect(judged.intervalPercent[0]).toBeLessThan(-19.9);
    expect(judged.intervalPercent[1]).toBeLessThan(-15);
  });

  it("finds no difference within the noise", () => {
    expect(judge([10, 12, 9, 11, 10], [11, 9, 12, 10, 10.5]).verdict).toBe("no difference seen");
  });

  it("reports that two rounds are too few, however different they are", () => {
    expect(judge([10, 10], [1, 1]).verdict).toBe("too few rounds to tell");
    expect(smallestP(2, 2)).toBeCloseTo(1 / 3);
    expect(smallestP(4, 4)).toBeCloseTo(2 / 70);
  });
});

describe("turnsOf", () => {
  it("measures each first as often as second", () => {
    expect(turnsOf(2)).toEqual(["a", "b", "b", "a"]);
  });
});
