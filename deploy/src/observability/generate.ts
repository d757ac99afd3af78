import { writeGenerated } from "@fiberstream/schemas/write-generated";
import { renderAlertsPage } from "./alerts-page.ts";
import { DASHBOARDS } from "./dashboards/all.ts";
import { renderDashboard } from "./dashboards/render-dashboard.ts";
import { readMetricCatalogue } from "./metric-catalogue.ts";
import { renderMetricsPage } from "./metrics-page.ts";
import { readAlertRules, readRecordingRules } from "./rule-files.ts";

// `npm run generate` writes what is made from metrics, rules and dashboards; with --check it only says what is not current.
await writeGenerated({
  "docs/metrics.md": renderMetricsPage(await readMetricCatalogue(), readRecordingRules()),
  "docs/alerts.md": renderAlertsPage(readAlertRules()),
  ...Object.fromEntries(
    DASHBOARDS.map((dashboard) => [
      `deploy/grafana/dashboards/${dashboard.uid}.json`,
      JSON.stringify(renderDashboard(dashboard), undefined, 2),
    ]),
  ),
});
