import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import prettier from "prettier";
import { renderAlertsPage } from "./alerts-page.ts";
import { DASHBOARDS } from "./dashboards/all.ts";
import { renderDashboard } from "./dashboards/render-dashboard.ts";
import { readMetricCatalogue } from "./metric-catalogue.ts";
import { renderMetricsPage } from "./metrics-page.ts";
import { readAlertRules, readRecordingRules } from "./rule-files.ts";

// `npm run generate` writes what is made from metrics, rules and dashboards; with --check it only says what is not current.
const files: Record<string, string> = {
  "docs/metrics.md": renderMetricsPage(await readMetricCatalogue(), readRecordingRules()),
  "docs/alerts.md": renderAlertsPage(readAlertRules()),
  ...Object.fromEntries(
    DASHBOARDS.map((dashboard) => [
      `deploy/grafana/dashboards/${dashboard.uid}.json`,
      JSON.stringify(renderDashboard(dashboard), undefined, 2),
    ]),
  ),
};

for (const [name, text] of Object.entries(files)) {
  const file = fileURLToPath(new URL(`../../../${name}`, import.meta.url));
  const options = await prettier.resolveConfig(file);
  const wanted = await prettier.format(text, { ...options, filepath: file });
  if (process.argv.includes("--check")) {
    if (existsSync(file) && readFileSync(file, "utf8") === wanted) continue;
    console.error(`${name} is not current: run \`npm run generate\``);
    process.exitCode = 1;
  } else {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, wanted);
    console.log(`wrote ${name}`);
  }
}
