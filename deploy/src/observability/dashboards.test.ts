import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { DASHBOARDS, queriesOf } from "./dashboards/all.ts";
import { renderDashboard } from "./dashboards/render-dashboard.ts";
import { readMetricCatalogue } from "./metric-catalogue.ts";
import { namesIn } from "./names-in.ts";
import { readAlertRules, readRecordingRules } from "./rule-files.ts";

const metrics = (await readMetricCatalogue()).map(({ name }) => name);
const recorded = readRecordingRules().map(({ record }) => record);

describe("the dashboards", () => {
  it("query only metrics that exist", () => {
    const known = new Set([...metrics, ...recorded, "up"]);
    expect(
      queriesOf("prometheus")
        .flatMap(namesIn)
        .filter((name) => !known.has(name)),
    ).toEqual([]);
  });

  it("and the rules together use every metric of ours", () => {
    const rules = [...readAlertRules(), ...readRecordingRules()].map(({ expr }) => expr);
    const seen = new Set([...queriesOf("prometheus"), ...rules].flatMap(namesIn));
    // Information about an installation, for queries of an operator.
    for (const info of ["fiberstream_build_info", "fiberstream_auth_mode"]) seen.add(info);
    const ours = metrics.filter((name) => name.startsWith("fiberstream_"));
    expect(ours.filter((name) => !seen.has(name))).toEqual([]);
  });

  it.each(DASHBOARDS.map((dashboard) => [dashboard.uid, dashboard] as const))(
    "%s has a description for each panel, and fits on the screen",
    (_, dashboard) => {
      for (const panel of dashboard.rows.flatMap(({ panels }) => panels)) {
        expect(panel.title).not.toBe("");
        expect(panel.description).not.toBe("");
      }
      const { panels } = renderDashboard(dashboard) as {
        panels: { id: number; gridPos: { x: number; w: number } }[];
      };
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
      expect(Math.max(...panels.map(({ gridPos }) => gridPos.x + gridPos.w))).toBeLessThanOrEqual(
        24,
      );
    },
  );

  it("use the data sources that are provisioned", () => {
    const file = new URL("../../grafana/provisioning/datasources/datasources.yml", import.meta.url);
    const { datasources } = parse(readFileSync(file, "utf8")) as { datasources: { uid: string }[] };
    expect(datasources.map(({ uid }) => uid)).toEqual(["prometheus", "timescaledb"]);
  });
});
