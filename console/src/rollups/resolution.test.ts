import { describe, expect, it } from "@jest/globals";
import { chooseResolution, type WidthName } from "./resolution.ts";

const HOUR_MS = 3_600_000;
const from = new Date("2026-03-01T10:07:30Z");
const choose = (
  hours: number,
  maxPoints: number,
  more: { forced?: WidthName; keptHours?: number; comparedHours?: number } = {},
) =>
  chooseResolution({
    from,
    to: new Date(from.getTime() + hours * HOUR_MS),
    maxPoints,
    forced: more.forced,
    comparedMs: (more.comparedHours ?? 0) * HOUR_MS,
    // Minutes are kept for a shorter time than the others.
    keptSince: (width) =>
      more.keptHours !== undefined && width === "1m"
        ? new Date(from.getTime() + more.keptHours * HOUR_MS)
        : undefined,
  });

describe("a resolution", () => {
  it.each([
    [1, 100, "1m", 60_000],
    [1, 12, "5m", 300_000],
    [24, 100, "1h", HOUR_MS],
    [24 * 30, 100, "1d", 24 * HOUR_MS],
    [24 * 365, 100, "1d", 4 * 24 * HOUR_MS],
  ] as const)("of %d h in at most %d points is %s", (hours, maxPoints, width, stepMs) => {
    const chosen = choose(hours, maxPoints);
    expect([chosen.width.name, chosen.stepMs]).toEqual([width, stepMs]);
    // One more than asked for at most: the range is widened to whole steps.
    const points = (chosen.to.getTime() - chosen.from.getTime()) / stepMs;
    expect(points).toBeLessThanOrEqual(maxPoints + 1);
    expect(chosen.from.getTime() % stepMs).toBe(0);
    expect(chosen.from <= from).toBe(true);
  });

  it("is one that is kept for the whole range", () => {
    expect(choose(1, 1_000, { keptHours: 0.5 }).width.name).toBe("5m");
    const forced = choose(1, 1_000, { keptHours: 0.5, forced: "1m" });
    expect(forced.width.name).toBe("1m");
    expect(forced.warnings[0]).toMatch(/is not kept/);
  });

  it("is one that is kept for the range with which it is compared", () => {
    expect(choose(1, 1_000, { keptHours: -1, comparedHours: 1 }).width.name).toBe("1m");
    expect(choose(1, 1_000, { keptHours: -1, comparedHours: 2 }).width.name).toBe("5m");
  });

  it("that is forced and does not fit is refused, with one that would", () => {
    expect(() => choose(24, 100, { forced: "1m" })).toThrow("ask for resolution=1h");
    expect(() => choose(0, 100)).toThrow("must be after from");
  });
});
