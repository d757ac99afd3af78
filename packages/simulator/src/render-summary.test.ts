import { describe, expect, it } from "@jest/globals";
import { renderSummary } from "./render-summary.ts";
import type { Summary } from "./simulate.ts";

const answerMs = { p50: 8.04, p95: 25, p99: 62.3, max: 141.2 };
const summary: Summary = {
  sent: 300,
  accepted: 298,
  refused: 2,
  reasons: { "503 OVERLOADED": 2 },
  unsent: 0,
  elapsedMs: 59_800,
  answerMs,
  verified: undefined,
};
const verified = {
  rows: 299,
  lost: 1,
  doubled: 2,
  altered: 0,
  unconfirmed: 0,
  examples: ["lost: accra-1-x at 2026-11-24T12:00:00.000000Z"],
  delayMs: answerMs,
};

describe("the summary", () => {
  it("shows rates, reasons and times", () => {
    const text = renderSummary(summary);
    expect(text).toContain("300 events in 59.8 s");
    expect(text).toContain("298 (5 per second)");
    expect(text).toContain("2 x 503 OVERLOADED");
    expect(text).toContain("p50 8.0 ms, p95 25.0 ms, p99 62.3 ms, max 141 ms");
    expect(text.trimEnd()).toMatch(/\n298 accepted, 2 refused$/);
  });

  it("ends with the result of the verification", () => {
    const text = renderSummary({ ...summary, verified });
    expect(text).toContain("lost: accra-1-x");
    expect(text.trimEnd()).toMatch(/\n298 accepted, 299 rows, 1 lost, 2 duplicated$/);
  });
});
