import { describe, expect, it } from "@jest/globals";
import { time } from "./moment.ts";

const NOON = Date.parse("2026-11-24T12:00:00Z");

describe("a time on the command line", () => {
  it.each([
    ["2026-11-24T12:00:00Z", NOON],
    ["2026-11-24T12:00Z", NOON],
    ["2026-11-24T13:00+01:00", NOON],
    ["2026-11-24T17:30:00.000+05:30", NOON],
    ["2026-11-24T07:30:00-04:30", NOON],
    ["2026-11-24 12:00:00.250Z", NOON + 250],
    ["2026-11-24", NOON - 12 * 3_600_000],
    ["2024-02-29", Date.parse("2024-02-29T00:00:00Z")],
  ])("may be %s", (text, ms) => expect(time(text)).toEqual({ text, ms }));

  it.each([
    ["90s", 90_000],
    ["30m", 1_800_000],
    ["6h", 21_600_000],
    ["2d", 172_800_000],
  ])("may be an age: %s", (text, agoMs) => {
    const before = Date.now();
    const { ms } = time(text);
    expect(ms).toBeGreaterThanOrEqual(before - agoMs);
    expect(ms).toBeLessThanOrEqual(Date.now() - agoMs);
  });

  it.each([
    ["60", "A number needs a unit: 60s, 60m, 60h or 60d."],
    ["7", "A number needs a unit"],
    ["1790000000000", "A number needs a unit"],
    ["2026-11-31", "The date 2026-11-31 does not exist."],
    ["2026-02-30T00:00:00Z", "The date 2026-02-30 does not exist."],
    ["2026-11-24T12:00", "It has no time zone: add Z for UTC"],
    ["2026-11-24T12:00:00", "It has no time zone"],
    ["2026-11-24T24:00Z", "The time 24:00Z does not exist."],
    ["2026-11-24T12:60Z", "The time 12:60Z does not exist."],
    ["2026-11-24T12:00:60Z", "The time 12:00:60Z does not exist"],
    ["2026-11-24T12:00+25:00", "The time 12:00+25:00 does not exist"],
    ["2026-11-24T12:00:00.0001Z", "It can have at most milliseconds."],
    ["999999d", "It is before 1970."],
    ["6 h", "It must be a time such as"],
    ["6w", "It must be a time such as"],
    ["24.11.2026", "It must be a time such as"],
    ["Nov 24 2026", "It must be a time such as"],
    ["2026-11", "It must be a time such as"],
    ["yesterday", "It must be a time such as"],
    ["", "It must be a time such as"],
  ])("is rejected with a reason: %s", (text, message) => expect(() => time(text)).toThrow(message));
});
