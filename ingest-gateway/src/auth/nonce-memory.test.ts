import { describe, expect, it } from "@jest/globals";
import { createNonceMemory } from "./nonce-memory.ts";

describe("nonces in memory", () => {
  it("are new once for each key, and again when their time has passed", () => {
    let nowMs = 0;
    const { isNew } = createNonceMemory({ maxNonces: 10, keptMs: 100, now: () => nowMs });
    expect(isNew("a", "1")).toBe(true);
    expect(isNew("b", "1")).toBe(true);
    expect(isNew("a", "1")).toBe(false);
    nowMs = 100;
    expect(isNew("a", "1")).toBe(true);
  });

  it("of one key are not driven out by the flood of another", () => {
    const { isNew, count } = createNonceMemory({ maxNonces: 100, keptMs: 1, now: () => 0 });
    for (let nonce = 0; nonce < 20; nonce++) isNew("quiet", `${nonce}`);
    for (let nonce = 0; nonce < 10_000; nonce++) expect(isNew("loud", `${nonce}`)).toBe(true);
    for (let nonce = 0; nonce < 20; nonce++) expect(isNew("quiet", `${nonce}`)).toBe(false);
    expect(isNew("loud", "9999")).toBe(false);
    expect(count()).toBeLessThanOrEqual(100);
  });

  it("that are too old make room before others do", () => {
    let nowMs = 0;
    const { isNew, count } = createNonceMemory({ maxNonces: 10, keptMs: 100, now: () => nowMs });
    for (let nonce = 0; nonce < 8; nonce++) isNew("gone", `${nonce}`);
    nowMs = 100;
    for (let nonce = 0; nonce < 10; nonce++) isNew("here", `${nonce}`);
    for (let nonce = 0; nonce < 10; nonce++) expect(isNew("here", `${nonce}`)).toBe(false);
    expect(count()).toBe(10);
  });
});
