import { describe, expect, it } from "@jest/globals";
import { mapParties } from "../costs.ts";
import type { Phase } from "../load/phase.ts";
import { renderPage } from "./render-page.ts";
import { renderReport } from "./render-report.ts";

const times = { count: 10, p50Ms: 1, p95Ms: 2, p99Ms: 3, maxMs: 4 };
const phase: Phase = {
  name: "sustained",
  what: "holding 20000 <events>/s",
  eventsPerRequest: 500,
  seconds: 20,
  eventsPerSecond: 20_000,
  accepted: 500_000,
  rows: 500_000,
  doubled: 0,
  refused: {},
  cpuUsPerEvent: mapParties(() => 5),
  servicesCpuUsPerEvent: 15,
  memoryMb: mapParties(() => 100),
  peakMemoryMb: mapParties(() => 100),
  answer: times,
  rowAfterAnswer: { ...times, count: 0 },
  rowAfterDue: { ...times, count: 0 },
  lag: [
    [0, 100],
    [1, 200],
    [2, 150],
  ],
  isLagFlat: true,
};
const idle = {
  seconds: 60,
  cpuSecondsPerHour: mapParties(() => 30),
  memoryMb: mapParties(() => 100),
  loggedBytesPerHour: 0,
};
const setting = {
  takenAt: "2026-11-24T00:00:00.000Z",
  commit: "abc",
  cpus: "2 x a CPU",
  memoryGb: 24,
  kernel: "6",
  node: "v24",
  loadAverage: 0.1,
};

describe("renderPage", () => {
  const page = renderPage({
    latest: { setting, phases: [phase], idle },
    scaled: {
      steps: [1, 2, 4].map((value) => ({ axis: "processes", value, setting, phase })),
    },
    compared: undefined,
    soak: undefined,
  });

  it("draws all results with their numbers, and loads nothing from other places", () => {
    expect(page.match(/<svg /g)).toHaveLength(3);
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
    expect(page).not.toMatch(/(src|href)=/);
    expect(page).toContain("holding 20000 &lt;events&gt;/s");
  });
});

describe("renderReport", () => {
  it("omits results that were not measured", () => {
    expect(renderReport({ phases: [phase], idle: undefined })).not.toMatch(/NaN|visible|idle/);
    expect(renderReport({ phases: [], idle })).toContain("idle: CPU s per hour");
  });
});
