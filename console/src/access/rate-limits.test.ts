import { describe, expect, it } from "@jest/globals";
import type { Reader } from "./reader.ts";
import { createRateLimits } from "./rate-limits.ts";

const reader = (id: string, limit?: Reader["limit"]): Pick<Reader, "id" | "limit"> => ({
  id,
  ...(limit !== undefined && { limit }),
});

describe("rate limits", () => {
  it("let a reader spend its burst, then its rate, and say when to come again", () => {
    let nowMs = 0;
    const { charge } = createRateLimits({
      standard: { ratePerSecond: 2, burst: 10 },
      now: () => nowMs,
    });
    expect(charge(reader("a"), 7)).toEqual({
      "RateLimit-Policy": '"questions";q=10;w=5',
      RateLimit: '"questions";r=3;t=4',
    });
    expect(() => charge(reader("a"), 5)).toThrow(
      /costs 5, .* may spend 2 a second \(10 at once\): wait 1 s/,
    );
    charge(reader("b"), 10);
    nowMs = 1_000;
    expect(charge(reader("a"), 5)).toMatchObject({ RateLimit: '"questions";r=0;t=5' });
  });

  it("let a question pass that costs more than the bucket holds, when it is full, and then wait for it", () => {
    let nowMs = 0;
    const { charge } = createRateLimits({
      standard: { ratePerSecond: 1, burst: 1 },
      now: () => nowMs,
    });
    const own = reader("a", { ratePerSecond: 10, burst: 20 });
    charge(own, 100);
    nowMs = 5_000;
    expect(() => charge(own, 1)).toThrow("wait");
    nowMs = 8_200;
    charge(own, 1);
  });
});
