import { describe, expect, it } from "@jest/globals";
import { quantilesOf } from "./quantiles.ts";
import { trendOf } from "./trend.ts";

describe("trendOf", () => {
  it("finds a line, without error if the points are on it", () => {
    const { slope, slopeError } = trendOf([
      [0, 5],
      [1, 7],
      [2, 9],
      [3, 11],
    ]);
    expect(slope).toBeCloseTo(2);
    expect(slopeError).toBeCloseTo(0);
  });

  it("calculates the standard error of points that are not", () => {
    // Residuals 0.1, -0.2, 0.1 around y = 1 + x/2; sqrt(0.06 / 1 / 2).
    const { slopeError } = trendOf([
      [0, 1.1],
      [1, 1.3],
      [2, 2.1],
    ]);
    expect(slopeError).toBeCloseTo(Math.sqrt(0.06 / 2), 6);
  });

  it("returns NaN for two points", () => {
    expect(
      trendOf([
        [0, 1],
        [1, 2],
      ]).slope,
    ).toBeNaN();
  });
});

describe("quantilesOf", () => {
  it("returns times that were measured", () => {
    const times = Array.from({ length: 100 }, (_, at) => 100 - at);
    expect(quantilesOf(times)).toEqual({ count: 100, p50Ms: 50, p95Ms: 95, p99Ms: 99, maxMs: 100 });
  });

  it("returns NaN for no times", () => {
    expect(quantilesOf([])).toMatchObject({ count: 0, p50Ms: NaN });
  });
});
