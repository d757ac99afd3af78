import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { PROMETHEUS_FOLDER } from "@fiberstream/local-stack/prometheus-files";
import { readMetricCatalogue } from "./metric-catalogue.ts";
import { namesIn } from "./names-in.ts";
import { readAlertRules, readRecordingRules, runbookOf } from "./rule-files.ts";

const RUNBOOKS = fileURLToPath(new URL("../../../docs/runbooks", import.meta.url));
const alerts = readAlertRules();
/** Metrics of other programs' exporters: this test cannot check that they exist. */
const OF_EXPORTERS = /^(kafka_server_|node_filesystem_|kubelet_volume_)|^up$/;

describe("the alert rules", () => {
  it.each(alerts.map((rule) => [`${rule.alert} ${rule.labels.burn ?? ""}`, rule] as const))(
    "%s has a severity, a description with the value, and a runbook",
    (_, rule) => {
      const { summary, description } = rule.annotations;
      expect(["page", "ticket"]).toContain(rule.labels.severity);
      expect(summary.length).toBeGreaterThan(10);
      expect(description).toMatch(/\$value|\d/);
      expect(existsSync(join(RUNBOOKS, runbookOf(rule)))).toBe(true);
      const page = readFileSync(join(RUNBOOKS, runbookOf(rule)), "utf8");
      expect(page).toContain(rule.alert);
      for (const heading of ["What it means", "How to look", "What to do"]) {
        expect(page).toContain(`## ${heading}\n`);
      }
    },
  );

  it("each fire in a test", () => {
    const tests = globSync("tests/*.test.yml", { cwd: PROMETHEUS_FOLDER })
      .map((file) => readFileSync(join(PROMETHEUS_FOLDER, file), "utf8"))
      .join("\n");
    const untested = alerts.filter(({ alert }) => !tests.includes(`alertname="${alert}"`));
    expect(untested.map(({ alert }) => alert)).toEqual([]);
  });

  it.each(["after-restart", "namespaces"])("each fire in the tests of %s", (name) => {
    const tests = readFileSync(join(PROMETHEUS_FOLDER, `tests/${name}.test.yml`), "utf8");
    const untested = alerts.filter(({ alert }) => !tests.includes(`alertname="${alert}"`));
    expect(untested.map(({ alert }) => alert)).toEqual([]);
  });

  it("keep the label namespace in every aggregation", () => {
    const rules = [...alerts, ...readRecordingRules()];
    const aggregation = /(?<![:\w])(?:sum|min|max|avg|count|group)\b(?!_)\s*(?:by \(([^)]*)\))?/g;
    const aggregations = rules.flatMap(({ expr }) => Array.from(expr.matchAll(aggregation)));
    expect(aggregations.length).toBeGreaterThan(50);
    const losing = aggregations.filter(([, labels = ""]) => !/\bnamespace\b/.test(labels));
    expect(losing.map(([text]) => text)).toEqual([]);
  });

  it("query only metrics that exist", async () => {
    const catalogue = await readMetricCatalogue();
    const known = new Set([
      ...catalogue.map(({ name }) => name),
      ...readRecordingRules().map(({ record }) => record),
    ]);
    const names = [...alerts, ...readRecordingRules()].flatMap(({ expr }) => namesIn(expr));
    const unknown = names.filter((name) => !known.has(name) && !OF_EXPORTERS.test(name));
    expect(unknown).toEqual([]);
  });

  it("have their runbooks in the list of runbooks", () => {
    const list = readFileSync(join(RUNBOOKS, "README.md"), "utf8");
    const pages = readdirSync(RUNBOOKS).filter((name) => name !== "README.md");
    expect(pages.filter((name) => !list.includes(`(${name})`))).toEqual([]);
  });
});
