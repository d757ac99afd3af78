import { expect, it } from "@jest/globals";
import { durationMs, durationSeconds } from "./durations.ts";

it("reads milliseconds from numbers with a unit", () => {
  expect(["500ms", "60s", "1.5m", "2h"].map(durationMs)).toEqual([500, 60_000, 90_000, 7.2e6]);
});

it.each(["60", "s", "0s", "-1s", "1d", ""])("rejects %j as milliseconds", (text) => {
  expect(() => durationMs(text)).toThrow("a number and a unit, such as 500ms");
});

it("reads seconds from whole numbers with a unit, and 0", () => {
  expect(["0", "30s", "15m", "24h", "90d"].map(durationSeconds)).toEqual([
    0, 30, 900, 86_400, 7_776_000,
  ]);
});

it.each(["30", "1.5h", "500ms", "-1s", ""])("rejects %j as seconds", (text) => {
  expect(() => durationSeconds(text)).toThrow("a number with a unit, such as 30s");
});
