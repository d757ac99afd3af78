import { describe, expect, it, jest } from "@jest/globals";
import { createSampler } from "./trace-sampler.ts";

const maxGivenPerSecond = 1_000;
const given = (isSampled: boolean, traceId = "4bf92f3577b34da6a3ce929d0e0e4736") => ({
  traceId,
  spanId: "00f067aa0ba902b7",
  isSampled,
});

describe("the samplers", () => {
  it.each([
    ["always_on", true, true, true],
    ["always_off", false, false, false],
    ["parentbased_always_on", true, true, false],
    ["parentbased_always_off", false, true, false],
  ] as const)("%s", (name, alone, underSampled, underUnsampled) => {
    const isSampled = createSampler({ name, ratio: 0, maxGivenPerSecond });
    expect([isSampled(undefined), isSampled(given(true)), isSampled(given(false))]).toEqual([
      alone,
      underSampled,
      underUnsampled,
    ]);
  });

  it("parentbased_traceidratio samples its share of requests without a trace", () => {
    const none = createSampler({ name: "parentbased_traceidratio", ratio: 0, maxGivenPerSecond });
    const all = createSampler({ name: "parentbased_traceidratio", ratio: 1, maxGivenPerSecond });
    expect([none(undefined), all(undefined)]).toEqual([false, true]);
    expect([none(given(true)), all(given(false))]).toEqual([true, false]);
  });

  it("traceidratio decides by the trace's id, whatever the sender has decided", () => {
    const half = createSampler({ name: "traceidratio", ratio: 0.5, maxGivenPerSecond });
    const low = "4bf92f3577b34da6a3ce929d7fffffff";
    const high = "4bf92f3577b34da6a3ce929d80000000";
    expect([half(given(false, low)), half(given(true, high))]).toEqual([true, false]);
  });

  it.each([
    ["parentbased_traceidratio", 0, 2],
    ["parentbased_always_off", 1, 2],
    ["traceidratio", 0.001, 2],
    ["always_off", 1, 0],
  ] as const)("%s samples no more of the received traces than its limit", (name, ratio, taken) => {
    let nowMs = 0;
    const isSampled = createSampler({ name, ratio, maxGivenPerSecond: 2, nowMs: () => nowMs });
    const asked = given(true, "4bf92f3577b34da6a3ce929d00000000");
    const random = jest.spyOn(Math, "random").mockReturnValue(0.5);
    const inOneSecond = () => Array.from({ length: 1_000 }, () => isSampled(asked)).filter(Boolean);
    expect(inOneSecond()).toHaveLength(taken);
    nowMs = 999;
    expect(inOneSecond()).toHaveLength(0);
    nowMs = 1_000;
    expect(inOneSecond()).toHaveLength(taken);
    random.mockRestore();
  });

  it("samples its share of requests past the limit, as of requests without a trace", () => {
    const name = "parentbased_traceidratio";
    const all = createSampler({ name, ratio: 1, maxGivenPerSecond: 0 });
    expect([all(given(true)), all(given(false)), all(undefined)]).toEqual([true, false, true]);
  });
});
