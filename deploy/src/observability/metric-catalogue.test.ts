import { describe, expect, it } from "@jest/globals";
import { LABEL_BOUNDS } from "./label-bounds.ts";
import { readMetricCatalogue } from "./metric-catalogue.ts";

const own = (await readMetricCatalogue()).filter(({ name }) => name.startsWith("fiberstream_"));

describe.each(own.map((metric) => [metric.name, metric] as const))("%s", (name, metric) => {
  it("has a name with its unit, and a help text", () => {
    expect(name.endsWith("_total")).toBe(metric.type === "counter");
    expect(name).not.toMatch(/_(ms|millis|milliseconds|minutes|kb|mb|percent)(_|$)/);
    if (metric.type === "histogram") expect(name).toMatch(/_(seconds|bytes|records)$/);
    expect(metric.help.length).toBeGreaterThan(20);
  });

  it("exists from the start if it is a counter, so that a rule sees its first increase", () => {
    if (metric.type !== "gauge") expect(metric.firstSeries).toBeGreaterThan(0);
  });

  it("has only labels whose values are bounded", () => {
    expect(metric.labels.filter((label) => !(label in LABEL_BOUNDS))).toEqual([]);
  });
});
