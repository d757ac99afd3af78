/** What can be grown, one at a time, while all else stays. */
export const AXES = ["processes", "nodes", "partitions", "rows"] as const;
export type Axis = (typeof AXES)[number];

export const STEPS: Record<Axis, readonly number[]> = {
  processes: [1, 2, 4],
  nodes: [10, 1_000, 100_000],
  partitions: [1, 12, 48],
  rows: [1_000_000, 10_000_000, 50_000_000],
};
