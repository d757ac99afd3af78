/** What a panel shows; the names of units are Grafana's. */
type Unit = "short" | "s" | "bytes" | "Bps" | "reqps" | "cps" | "percentunit";

export type Query = {
  readonly expr: string;
  /** What a line is called, such as `{{job}}`. */
  readonly legend?: string;
};

/** A value from which on it is bad, in the panel's unit. */
export type Limit = { readonly warnAt?: number; readonly badAt?: number };

export type Panel = {
  readonly kind: "stat" | "timeseries" | "table" | "alerts";
  readonly title: string;
  /** What it tells whoever is awake at night. */
  readonly description: string;
  readonly unit: Unit;
  readonly limit: Limit;
  readonly source: "prometheus" | "timescaledb";
  /** PromQL, or SQL for the database. */
  readonly queries: readonly Query[];
};

type Shown = {
  title: string;
  description: string;
  unit?: Unit;
  limit?: Limit;
  queries: readonly Query[];
};

const panel =
  (kind: Panel["kind"], source: Panel["source"]) =>
  ({ unit = "short", limit = {}, ...shown }: Shown): Panel => ({
    kind,
    source,
    unit,
    limit,
    ...shown,
  });

/** One number, now. */
export const stat = panel("stat", "prometheus");
/** Lines over time. */
export const lines = panel("timeseries", "prometheus");
/** Rows of the database. */
export const rows = panel("table", "timescaledb");
export const rowsOverTime = panel("timeseries", "timescaledb");
/** The alerts that wait or fire; asks Grafana, no query of its own. */
export const alertList = (shown: Pick<Shown, "title" | "description">): Panel =>
  panel("alerts", "prometheus")({ ...shown, queries: [] });

/** Panels side by side under a heading. */
export type Row = { readonly title: string; readonly panels: readonly Panel[] };

export type Dashboard = {
  /** Also the name of its file. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly rows: readonly Row[];
};
