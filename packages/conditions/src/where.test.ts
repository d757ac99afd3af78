import { describe, expect, it } from "@jest/globals";
import { compileWhere } from "./where.ts";

const record: Readonly<Record<string, unknown>> = {
  latency_ms: 250.5,
  country: "GH",
  latency_z: null,
  packet_loss_spike: false,
  node_tags: { site: "airport", "1": "one" },
  timestamp: 1_790_000_000_123_456,
  region: "Greater Accra",
};
const names = Object.keys(record);
const holds = (text: string) => compileWhere(text, { names })((name) => record[name]);

describe("a condition", () => {
  it.each([
    ['latency_ms > 200 and country = "GH"', true],
    ["latency_ms > 200 AND NOT country == 'GH'", false],
    ['latency_ms > 300 or country in ["KE", "GH"]', true],
    ['not (country in ["KE"]) and latency_ms <= 250.5', true],
    ["not latency_ms + 1 > 300 and not packet_loss_spike", true],
    ["latency_z > 2", false],
    ["latency_z < 2", false],
    ["latency_z = null", true],
    ["latency_z != null or packet_loss_spike", false],
    ["(latency_ms - 50) * 2 >= 400 and -latency_ms < 0", true],
    ['node_tags.site = "airport" && node_tags["1"] != "two"', true],
    ["node_tags.constructor = null", true],
    ['timestamp >= time("2026-09-21T13:33:20Z")', true],
    ['timestamp = time("2026-09-21T14:13:20.123456Z")', true],
    ['timestamp < time("2026-09-21T14:13:20.123457Z")', true],
    ['timestamp > time("2026-09-21T14:13:20.123456Z")', false],
    ['has(lower(region), "accra") and starts(country, "G")', true],
    ["abs(latency_z) > 1", false],
  ])("%s", (text, expected) => expect(holds(text)).toBe(expected));

  it.each([
    ["latncy_ms > 2", "there is no field latncy_ms. Fields: latency_ms, country"],
    ["latency_ms >", "cannot be parsed"],
    ['latency_ms > 2 country = "GH"', "is `and` or `or` missing?"],
    ["", "is not one expression"],
    ["latency_ms", "alone is not a condition"],
    ['latency_ms > "200"', 'cannot be compared with "200": one is a number, the other a string'],
    ["eval('1')", "there is no function eval(). Functions: time"],
    ["constructor.constructor('1')()", "there is no"],
    ["abs(1, 2) = 1", "abs() takes 1 values, not 2"],
    ["latency_ms ^ 2 = 1", "has ^, which is not supported"],
    ["this = 1", "which is not supported"],
    ['time("noon") > 1', "is not a time"],
    ['time("2026-11-31T00:00Z") > 1', "The date 2026-11-31 does not exist"],
    ['time("2026-11-24T12:00") > 1', "It has no time zone"],
    ['country in "GH"', "in needs a list"],
  ])("%s is rejected with a reason", (text, message) => expect(() => holds(text)).toThrow(message));
});
