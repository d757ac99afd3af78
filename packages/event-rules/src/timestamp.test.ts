import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { microsOfTimestamp } from "./timestamp.ts";

const noon = Date.UTC(2026, 10, 5, 12, 0, 0) * 1_000;

describe("microsOfTimestamp", () => {
  it.each([
    ["2026-11-05T12:00:00Z", noon],
    ["2026-11-05t12:00:00z", noon],
    ["2026-11-05T12:00:00.1Z", noon + 100_000],
    ["2026-11-05T12:00:00.123456Z", noon + 123_456],
    ["2026-11-05T12:00:00.000001Z", noon + 1],
    ["2026-11-05T12:00:00.123456789Z", noon + 123_456],
    ["2026-11-05T14:00:00+02:00", noon],
    ["2026-11-05T14:00:00.5+0200", noon + 500_000],
    ["2026-11-05T06:30:00-05:30", noon],
    ["2026-11-05T14:00:00+02", noon],
    ["2024-02-29T00:00:00Z", Date.UTC(2024, 1, 29) * 1_000],
    ["1969-12-31T23:59:59.999999Z", -1],
  ])("reads %s", (text, micros) => {
    expect(microsOfTimestamp(text)).toBe(micros);
  });

  it.each([
    "",
    "now",
    "2026-11-05",
    "2026-11-05T12:00:00",
    "2026-11-05 12:00:00Z",
    "2026-11-05T12:00Z",
    "2026-13-05T12:00:00Z",
    "2026-00-05T12:00:00Z",
    "2026-02-29T12:00:00Z",
    "2026-11-31T12:00:00Z",
    "2026-11-00T12:00:00Z",
    "2026-11-05T24:00:00Z",
    "2026-11-05T12:60:00Z",
    "2026-11-05T12:00:60Z",
    "2026-11-05T12:00:00.Z",
    "2026-11-05T12:00:00.1234567890Z",
    "2026-11-05T12:00:00,5Z",
    "2026-11-05T12:00:00ZZ",
    "2026-11-05T12:00:00+2",
    "2026-11-05T12:00:00+02:0",
    "2026-11-05T12:00:00+02:60",
    "2026-11-05T12:00:00+24:00",
    "2026-11-05T12:00:00+02:000",
    "2026-11-05T12:00:00+02-00",
    "2026-1x-05T12:00:00Z",
    "0026-11-05T12:00:00Z",
    "1790000000",
  ])("refuses %j", (text) => {
    expect(microsOfTimestamp(text)).toBeUndefined();
  });

  it("agrees with Date on milliseconds, and keeps the microseconds that Date does not know", () => {
    const property = fc.property(
      fc.date({ min: new Date("1000-01-01"), max: new Date("2255-01-01"), noInvalidDate: true }),
      fc.integer({ min: 0, max: 999 }),
      (date, micros) => {
        const text = date.toISOString().replace("Z", `${String(micros).padStart(3, "0")}Z`);
        expect(microsOfTimestamp(text)).toBe(date.getTime() * 1_000 + micros);
      },
    );
    fc.assert(property);
  });
});
