import { describe, expect, it } from "@jest/globals";
import { isoTime } from "./iso-time.ts";

describe("a time in ISO 8601", () => {
  it("is exact to the microsecond", () => {
    expect(isoTime("2026-09-21T14:13:20.123456Z").micros).toBe(1_790_000_000_123_456);
    expect(isoTime("2026-09-21T14:13:20.1Z").micros).toBe(1_790_000_000_100_000);
    expect(isoTime("2026-09-21T14:13:20.1234567Z").problem).toMatch(/microseconds/);
  });
});
