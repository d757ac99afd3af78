import { describe, expect, it } from "@jest/globals";
import { createSampler } from "./trace-sampler.ts";

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
    const isSampled = createSampler({ name, ratio: 0 });
    expect([isSampled(undefined), isSampled(given(true)), isSampled(given(false))]).toEqual([
      alone,
      underSampled,
      underUnsampled,
    ]);
  });

  it("parentbased_traceidratio takes its share of those that bring no trace", () => {
    const none = createSampler({ name: "parentbased_traceidratio", ratio: 0 });
    const all = createSampler({ name: "parentbased_traceidratio", ratio: 1 });
    expect([none(undefined), all(undefined)]).toEqual([false, true]);
    expect([none(given(true)), all(given(false))]).toEqual([true, false]);
  });

  it("traceidratio decides by the trace's id, whatever the sender has decided", () => {
    const half = createSampler({ name: "traceidratio", ratio: 0.5 });
    const low = "4bf92f3577b34da6a3ce929d7fffffff";
    const high = "4bf92f3577b34da6a3ce929d80000000";
    expect([half(given(false, low)), half(given(true, high))]).toEqual([true, false]);
  });
});
