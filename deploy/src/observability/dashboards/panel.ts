/** Unit of a panel's values, by Grafana's names. */
type Unit = "short" | "s" | "bytes" | "Bps" | "reqps" | "cps" | "percentunit";

export type Query = {
  readonly expr: string;
  /** Name of a line, such as `{{job}}`. */
  readonly legend?: string;
};

/** Values from which a panel shows a warning or an error, in the panel's unit. */
export type Limit = { readonly warnAt?: number; readonly badAt?: number };

export type Panel = {
  readonly kind: "stat" | "timeseries" | "table" | "alerts";
  readonly title: string;
  /** Says what the values mean, for the operator who is awake at night. */
  readonly description: string;
  readonly unit: Unit;
  readonly limit: Limit;
  readonly source: "prometheus" | "timescaledb";
  /** PromQL; for the database SQL. */
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
/** A table of rows from the database. */
export const rows = panel("table", "timescaledb");
export const rowsOverTime = panel("timeseries", "timescaledb");
/** The pending and firing alerts, as Grafana knows them. */
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
