import { describe, expect, it } from "@jest/globals";
import { minuteOfTimestamp, minuteOfUs } from "./minute-books.ts";

describe("the minute of a time", () => {
  it("begins with its first microsecond", () => {
    expect([59_999_999, 60_000_000, 119_999_999].map(minuteOfUs)).toEqual([0, 1, 1]);
    expect(minuteOfTimestamp("1790000000123")).toBe(29_833_333);
  });

  it("is within PostgreSQL's range of times, whatever a producer sends", () => {
    expect([-1, NaN, -9e18].map(minuteOfUs)).toEqual([0, 0, 0]);
    expect([9e18, Infinity].map(minuteOfUs)).toEqual([150_000_000, 150_000_000]);
    expect(["-1", "", "x", "9223372036854775807"].map(minuteOfTimestamp)).toEqual([
      0, 0, 0, 150_000_000,
    ]);
  });
});
