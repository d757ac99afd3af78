import type { Dashboard, Limit, Panel, Row } from "./panel.ts";

const COLUMNS = 24;
const HEIGHTS: Record<Panel["kind"], number> = { stat: 4, timeseries: 8, table: 10, alerts: 10 };

/** Returns a dashboard in the format of Grafana's file provisioning. */
export function renderDashboard({ uid, title, description, rows }: Dashboard): object {
  const panels: object[] = [];
  let y = 0;
  for (const row of rows) {
    panels.push(heading(row, panels.length + 1, y));
    y += 1;
    const width = Math.floor(COLUMNS / row.panels.length);
    for (const [at, panel] of row.panels.entries()) {
      const place = { x: at * width, y, w: width, h: HEIGHTS[panel.kind] };
      panels.push(renderPanel(panel, panels.length + 1, place));
    }
    y += Math.max(...row.panels.map(({ kind }) => HEIGHTS[kind]));
  }
  return {
    uid: `fiberstream-${uid}`,
    title: `FiberStream: ${title}`,
    description,
    tags: ["fiberstream"],
    timezone: "browser",
    schemaVersion: 39,
    editable: false,
    refresh: "30s",
    time: { from: "now-3h", to: "now" },
    links: [{ type: "dashboards", tags: ["fiberstream"], title: "FiberStream", asDropdown: true }],
    panels,
  };
}

const heading = ({ title }: Row, id: number, y: number) => ({
  id,
  type: "row",
  title,
  collapsed: false,
  panels: [],
  gridPos: { x: 0, y, w: COLUMNS, h: 1 },
});

function renderPanel(panel: Panel, id: number, gridPos: object): object {
  const { kind, title, description, source, unit, limit } = panel;
  const datasource = { type: source === "prometheus" ? "prometheus" : "postgres", uid: source };
  return {
    id,
    type: kind === "alerts" ? "alertlist" : kind,
    title,
    description,
    gridPos,
    datasource,
    targets: panel.queries.map((query, at) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + at),
      datasource,
      ...targetOf(panel, query),
    })),
    fieldConfig: {
      defaults: { unit, min: 0, thresholds: thresholdsOf(limit), ...lineStyle(panel) },
      overrides: [],
    },
    options: OPTIONS[kind],
  };
}

function targetOf({ kind, source }: Panel, { expr, legend }: Panel["queries"][number]): object {
  if (source === "timescaledb") {
    const format = kind === "timeseries" ? "time_series" : "table";
    return { rawSql: expr, rawQuery: true, editorMode: "code", format };
  }
  const isInstant = kind !== "timeseries";
  return { expr, instant: isInstant, range: !isInstant, legendFormat: legend ?? "__auto" };
}

/** A chart shows limits as lines; a number changes its colour. */
function thresholdsOf({ warnAt, badAt }: Limit): object {
  const steps = [
    { color: "green", value: null },
    ...(warnAt === undefined ? [] : [{ color: "orange", value: warnAt }]),
    ...(badAt === undefined ? [] : [{ color: "red", value: badAt }]),
  ];
  return { mode: "absolute", steps };
}

function lineStyle({ kind, limit }: Panel): object {
  if (kind !== "timeseries") return {};
  const hasLimit = limit.warnAt !== undefined || limit.badAt !== undefined;
  return {
    custom: {
      fillOpacity: 10,
      showPoints: "never",
      thresholdsStyle: { mode: hasLimit ? "dashed" : "off" },
    },
  };
}

const OPTIONS: Record<Panel["kind"], object> = {
  stat: { colorMode: "background", graphMode: "none", reduceOptions: { calcs: ["lastNotNull"] } },
  timeseries: {
    legend: { displayMode: "list", placement: "bottom" },
    tooltip: { mode: "multi", sort: "desc" },
  },
  table: { showHeader: true },
  alerts: {
    viewMode: "list",
    alertInstanceLabelFilter: "",
    datasource: "prometheus",
    stateFilter: { firing: true, pending: true },
  },
};
