import { describe, expect, it } from "@jest/globals";
import { createNonceMemory } from "./nonce-memory.ts";

describe("nonces in memory", () => {
  it("are new once for each key, and again when they have expired", () => {
    let nowMs = 0;
    const { use } = createNonceMemory({ maxNonces: 10, ttlMs: 100, now: () => nowMs });
    expect(use("a", "1")).toBe(true);
    expect(use("b", "1")).toBe(true);
    expect(use("a", "1")).toBe(false);
    nowMs = 100;
    expect(use("a", "1")).toBe(true);
  });

  it("of one key are not evicted by the flood of another", () => {
    const { use, count } = createNonceMemory({ maxNonces: 100, ttlMs: 1, now: () => 0 });
    for (let nonce = 0; nonce < 20; nonce++) use("quiet", `${nonce}`);
    for (let nonce = 0; nonce < 10_000; nonce++) expect(use("loud", `${nonce}`)).toBe(true);
    for (let nonce = 0; nonce < 20; nonce++) expect(use("quiet", `${nonce}`)).toBe(false);
    expect(use("loud", "9999")).toBe(false);
    expect(count()).toBeLessThanOrEqual(100);
  });

  it("that have expired are evicted before others", () => {
    let nowMs = 0;
    const { use, count } = createNonceMemory({ maxNonces: 10, ttlMs: 100, now: () => nowMs });
    for (let nonce = 0; nonce < 8; nonce++) use("gone", `${nonce}`);
    nowMs = 100;
    for (let nonce = 0; nonce < 10; nonce++) use("here", `${nonce}`);
    for (let nonce = 0; nonce < 10; nonce++) expect(use("here", `${nonce}`)).toBe(false);
    expect(count()).toBe(10);
  });

  it("of very many keys are not all searched for each new one when the memory is full", () => {
    let looks = 0;
    const now = () => {
      looks++;
      return 0;
    };
    const { use, count } = createNonceMemory({ maxNonces: 1_000, ttlMs: 1, now });
    const useAll = (name: string) => {
      for (let key = 0; key < 1_000; key++) use(`key-${key % 500}`, `${name}-${key}`);
    };
    useAll("first");
    looks = 0;
    useAll("second");
    expect(looks / 1_000).toBeLessThan(100);
    expect(count()).toBeLessThanOrEqual(1_000);
    expect(count()).toBeGreaterThan(980);
  });
});
