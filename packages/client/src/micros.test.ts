import { describe, expect, it } from "@jest/globals";
import { isoOf, microsOf } from "./micros.ts";

describe("microseconds as text", () => {
  it.each([
    [0, "1970-01-01T00:00:00.000000Z"],
    [1, "1970-01-01T00:00:00.000001Z"],
    [1_790_000_000_123_456, "2026-09-21T14:13:20.123456Z"],
    [-1, "1969-12-31T23:59:59.999999Z"],
  ])("%i is %s, in both directions", (micros, text) => {
    expect(isoOf(micros)).toBe(text);
    expect(microsOf(text)).toBe(micros);
  });

  it.each([
    ["2026-09-21T14:13:20Z", 1_790_000_000_000_000],
    ["2026-09-21T14:13:20.5Z", 1_790_000_000_500_000],
    ["2026-09-21T19:43:20.123456+05:30", 1_790_000_000_123_456],
    ["2026-09-21T14:13:20.123456789Z", 1_790_000_000_123_456],
  ])("reads %s", (text, micros) => {
    expect(microsOf(text)).toBe(micros);
  });

  it("returns NaN if the text is not a time", () => {
    expect(microsOf("yesterday")).toBeNaN();
  });
});
