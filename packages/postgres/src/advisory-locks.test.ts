import { describe, expect, it } from "@jest/globals";
import { ADVISORY_LOCKS } from "./advisory-locks.ts";

describe("advisory locks", () => {
  it("have a number each, so that nobody waits for another one's", () => {
    const numbers = Object.values(ADVISORY_LOCKS);
    expect(new Set(numbers).size).toBe(numbers.length);
  });
});
