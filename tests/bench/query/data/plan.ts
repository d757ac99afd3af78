/** What a data set is made of. The same plan makes the same rows, up to when they end. */
export type DataPlan = {
  readonly rows: number;
  readonly nodes: number;
  readonly days: number;
  readonly seed: number;
};

/** The time range of a data set: the last row is directly before `to`. */
export type DataSpan = { readonly from: Date; readonly to: Date };

/** Nodes of one region, as the aims of the query API count them. */
export const NODES_PER_REGION = 1_000;
const COUNTRIES = ["GH", "NG", "KE", "ZA", "EG", "MA", "SN", "TZ", "UG", "RW"] as const;

/** Returns the id of a node by its number, from 0. */
export const nodeIdOf = (node: number): string => `probe-${String(node).padStart(6, "0")}`;

/** Returns the name of a node's region. */
export const regionOf = (node: number): string =>
  `region-${Math.floor(node / NODES_PER_REGION) + 1}`;

export const countryOf = (node: number): string =>
  COUNTRIES[Math.floor(node / NODES_PER_REGION) % COUNTRIES.length] ?? "GH";

export function spanOf({ days }: DataPlan, endMs: number): DataSpan {
  const toMs = Math.floor(endMs / 60_000) * 60_000;
  return { from: new Date(toMs - days * 86_400_000), to: new Date(toMs) };
}
