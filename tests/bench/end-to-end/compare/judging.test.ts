import { describe, expect, it } from "@jest/globals";
import { createRandom } from "@fiberstream/simulator/probes/random";
import { isFlat } from "../load/flatness.ts";
import { judgeDifference, leastChance } from "./judge-difference.ts";
import { turnsOf } from "./turns.ts";

const lagOf = (value: (second: number) => number) =>
  Array.from({ length: 20 }, (_, second) => [second, value(second)] as const);

describe("isFlat", () => {
  it("takes a lag that goes up and down around the same", () => {
    expect(
      isFlat(
        lagOf((second) => 3_000 + (second % 3) * 500),
        20_000,
      ),
    ).toBe(true);
  });

  it("refuses one that grows by a twentieth of the rate", () => {
    expect(
      isFlat(
        lagOf((second) => 3_000 + second * 1_000),
        20_000,
      ),
    ).toBe(false);
  });

  it("refuses one that is large without growing", () => {
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

  it("sees a difference that is larger than the noise, and how large it may be", () => {
    const judged = judge([10, 10.2, 9.9, 10.1, 10], [8, 8.1, 7.9, 8.2, 8]);
    expect(judged.verdict).toBe("better");
    expect(judged.changePercent).toBeCloseTo(-19.9, 1);
    expect(judged.intervalPercent[0]).toBeLessThan(-19.9);
    expect(judged.intervalPercent[1]).toBeLessThan(-15);
  });

  it("sees none within the noise", () => {
    expect(judge([10, 12, 9, 11, 10], [11, 9, 12, 10, 10.5]).verdict).toBe("no difference seen");
  });

  it("says that two rounds cannot tell, however different", () => {
    expect(judge([10, 10], [1, 1]).verdict).toBe("too few rounds to tell");
    expect(leastChance(2, 2)).toBeCloseTo(1 / 3);
    expect(leastChance(4, 4)).toBeCloseTo(2 / 70);
  });
});

describe("turnsOf", () => {
  it("lets each be first as often as second", () => {
    expect(turnsOf(2)).toEqual(["a", "b", "b", "a"]);
  });
});
