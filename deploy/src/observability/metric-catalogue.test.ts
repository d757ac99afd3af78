import { describe, expect, it } from "@jest/globals";
import { LABEL_BOUNDS } from "./label-bounds.ts";
import { readMetricCatalogue } from "./metric-catalogue.ts";

const own = (await readMetricCatalogue()).filter(({ name }) => name.startsWith("fiberstream_"));

describe.each(own.map((metric) => [metric.name, metric] as const))("%s", (name, metric) => {
  it("names what it counts and in which unit, and helps whoever reads it", () => {
    expect(name.endsWith("_total")).toBe(metric.type === "counter");
    expect(name).not.toMatch(/_(ms|millis|milliseconds|minutes|kb|mb|percent)(_|$)/);
    if (metric.type === "histogram") expect(name).toMatch(/_(seconds|bytes|records)$/);
    expect(metric.help.length).toBeGreaterThan(20);
  });

  it("is there from the start if it only grows, so that a rule sees its first increase", () => {
    if (metric.type !== "gauge") expect(metric.firstSeries).toBeGreaterThan(0);
  });

  it("has only labels whose values are known beforehand", () => {
    expect(metric.labels.filter((label) => !(label in LABEL_BOUNDS))).toEqual([]);
  });
});
