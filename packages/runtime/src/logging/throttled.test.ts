import { describe, expect, it } from "@jest/globals";
import { throttled } from "./throttled.ts";

describe("a throttled report", () => {
  it("is made once in an interval, with the number of calls", () => {
    let nowMs = 0;
    const said: unknown[] = [];
    const say = throttled((newest, times) => said.push([newest, times]), {
      everyMs: 10_000,
      now: () => nowMs,
    });
    for (let number = 1; number <= 1_000; number++) say(number);
    expect(said).toEqual([[1, 1]]);
    nowMs += 10_000;
    say(1_001);
    say(1_002);
    expect(said).toEqual([
      [1, 1],
      [1_001, 1_000],
    ]);
  });
});
