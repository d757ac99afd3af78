import { documentedRoutes } from "@fiberstream/console/openapi/documented-routes";
import { renderPermissionsPage } from "@fiberstream/console/openapi/permissions-page";
import { renderClientTypes } from "@fiberstream/console/openapi/typescript-types";
import { writeGenerated } from "@fiberstream/schemas/write-generated";
import { renderAlertsPage } from "./alerts-page.ts";
import { DASHBOARDS } from "./dashboards/all.ts";
import { renderDashboard } from "./dashboards/render-dashboard.ts";
import { readMetricCatalogue } from "./metric-catalogue.ts";
import { renderMetricsPage } from "./metrics-page.ts";
import { readAlertRules, readRecordingRules } from "./rule-files.ts";

// `npm run generate` writes the pages, dashboards and types of the client that are generated; with --check it only lists those that are not up to date.
await writeGenerated({
  "packages/client/src/query/generated/queries.ts": renderClientTypes(documentedRoutes()),
  "docs/permissions.md": renderPermissionsPage(documentedRoutes()),
  "docs/metrics.md": renderMetricsPage(await readMetricCatalogue(), readRecordingRules()),
  "docs/alerts.md": renderAlertsPage(readAlertRules()),
  ...Object.fromEntries(
    DASHBOARDS.map((dashboard) => [
      `deploy/grafana/dashboards/${dashboard.uid}.json`,
      JSON.stringify(renderDashboard(dashboard), undefined, 2),
    ]),
  ),
});
