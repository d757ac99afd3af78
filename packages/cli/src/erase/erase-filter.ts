/** Which events an erasure is about; at least one of them is there. Times are of the measurement, from `fromMs` to before `toMs`. */
export type EraseFilter = {
  readonly node?: string;
  readonly tenant?: string;
  readonly fromMs?: number;
  readonly toMs?: number;
};

/** @throws {Error} when the filter is empty, or its times are in the wrong order */
export function checkFilter({ node, tenant, fromMs, toMs }: EraseFilter): void {
  if (node === undefined && tenant === undefined && fromMs === undefined && toMs === undefined) {
    throw new Error(
      "name what to erase: give at least one of --node, --tenant, --from and --to. To remove everything, drop the database",
    );
  }
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs) {
    throw new Error("--from is not before --to");
  }
}

/** Whether a filter is about all that there is of its nodes, and not of a span of time. */
export const isWhole = ({ fromMs, toMs }: EraseFilter): boolean =>
  fromMs === undefined && toMs === undefined;

/** The values of $1 to $4 in ROWS_MATCH and CONFLICTS_MATCH. */
export const filterValues = ({ node, tenant, fromMs, toMs }: EraseFilter): unknown[] => [
  node ?? null,
  tenant ?? null,
  secondsOf(fromMs),
  secondsOf(toMs),
];

const secondsOf = (ms: number | undefined): number | null => (ms === undefined ? null : ms / 1_000);

const timesOf = (column: string) => `
  ($3::float8 IS NULL OR ${column} >= to_timestamp($3)) AND ($4::float8 IS NULL OR ${column} < to_timestamp($4))`;

/** Of a row of `metrics`. A query is planned with its parameters, so that those that are null cost nothing. */
export const ROWS_MATCH = `
  ($1::text IS NULL OR node_id = $1) AND ($2::text IS NULL OR tenant = $2) AND ${timesOf("time")}`;

/** Of a row of metric_conflicts. */
export const CONFLICTS_MATCH = `
  ($1::text IS NULL OR node_id = $1)
  AND ($2::text IS NULL OR stored ->> 'tenant' = $2 OR received ->> 'tenant' = $2) AND ${timesOf("time")}`;

/** Of a row of node_alerts, by the time at which it was opened. */
export const ALERTS_MATCH = `
  ($1::text IS NULL OR node_id = $1) AND ($2::text IS NULL OR tenant = $2) AND ${timesOf("opened_at")}`;
