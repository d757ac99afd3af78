import { describe, expect, it } from "@jest/globals";
import { createEventSource, type EventPlan, type PlannedEvent } from "./event-source.ts";

const plan: EventPlan = {
  probes: 5,
  rate: 1,
  batch: 1,
  durationMs: 60_000,
  maxEvents: undefined,
};

function takeAll(of: EventPlan): { dueMs: number[]; events: PlannedEvent[]; requests: number } {
  const source = createEventSource(of);
  const begunMs = performance.now();
  const dueMs: number[] = [];
  const events: PlannedEvent[] = [];
  for (let due = source.nextDueMs(); due !== undefined; due = source.nextDueMs()) {
    dueMs.push(due - begunMs);
    events.push(...source.take());
  }
  return { dueMs, events, requests: dueMs.length };
}

describe("a fixed rate", () => {
  it("is 300 events of 5 probes in 60 s, evenly distributed", () => {
    const { dueMs, events } = takeAll(plan);
    expect(events).toHaveLength(300);
    expect(events.slice(0, 6).map(({ probe }) => probe)).toEqual([0, 1, 2, 3, 4, 0]);
    expect(events.at(-1)).toMatchObject({ probe: 4, number: 59 });
    expect((dueMs.at(-1) ?? 0) - (dueMs[0] ?? 0)).toBeCloseTo(59_800, 3);
  });

  it("gives events the times when they are due", () => {
    const { events } = takeAll(plan);
    expect((events[5]?.micros ?? 0) - (events[0]?.micros ?? 0)).toBe(1_000_000);
  });

  it("sends a batch when its last event is due, and the remaining events at the end", () => {
    const { dueMs, requests } = takeAll({ ...plan, batch: 40 });
    expect(requests).toBe(8);
    expect((dueMs[1] ?? 0) - (dueMs[0] ?? 0)).toBeCloseTo(8_000, 3);
    expect((dueMs[7] ?? 0) - (dueMs[6] ?? 0)).toBeCloseTo(4_000, 3);
  });

  it("ends after the number of events or the duration, whichever comes first", () => {
    expect(takeAll({ ...plan, maxEvents: 7 }).events).toHaveLength(7);
    expect(takeAll({ ...plan, rate: 0.1 }).events).toHaveLength(30);
  });
});

describe("an unlimited rate", () => {
  it("gives all events of a probe different times", () => {
    const { events } = takeAll({
      ...plan,
      rate: "unlimited",
      durationMs: undefined,
      maxEvents: 10_000,
      batch: 500,
    });
    expect(events).toHaveLength(10_000);
    expect(new Set(events.map(({ probe, micros }) => `${probe} ${micros}`)).size).toBe(10_000);
  });
});
