import { describe, expect, it } from "@jest/globals";
import { createFetchSize } from "./fetch-size.ts";

const MB = 1_048_576;

describe("the size of a fetch", () => {
  it("is the maximum if answers arrive fast", () => {
    const size = createFetchSize();
    size.fetched(16 * MB, 300);
    expect(size.maxBytes()).toBe(16 * MB);
  });

  it("is what a slow connection transfers in 10 s, and grows when it becomes faster", () => {
    const size = createFetchSize();
    // 100 KB a second.
    size.fetched(16 * MB, 160_000);
    expect(size.maxBytes()).toBe(MB);
    size.fetched(MB, 9_000);
    expect(size.maxBytes()).toBe(MB);
    for (let fast = 0; fast < 10; fast++) size.fetched(MB, 100);
    expect(size.maxBytes()).toBe(16 * MB);
  });

  it("shrinks after an answer that timed out, and is never 0", () => {
    const size = createFetchSize();
    size.failed(5_000);
    expect(size.maxBytes()).toBe(16 * MB);
    for (let slow = 0; slow < 20; slow++) size.failed(150_000);
    expect(size.maxBytes()).toBe(65_536);
  });
});
