/** What can be increased, one at a time, while everything else stays the same. */
const AXES = ["processes", "nodes", "partitions", "rows"] as const;
export type Axis = (typeof AXES)[number];

/** An axis and the values that are measured. */
export type AxisSteps = { readonly axis: Axis; readonly values: readonly number[] };

const USUAL: Record<Axis, readonly number[]> = {
  processes: [1, 2, 4],
  nodes: [10, 1_000, 100_000],
  partitions: [1, 12, 48],
  rows: [1_000_000, 10_000_000, 50_000_000],
};

export const ALL_AXES: readonly AxisSteps[] = AXES.map((axis) => ({ axis, values: USUAL[axis] }));

/**
 * Parses an axis.
 * @param text an axis, or an axis with values: `nodes` or `nodes=10,5000`
 * @returns undefined if it is neither
 */
export function readAxis(text: string): AxisSteps | undefined {
  const [name, given] = text.split("=");
  const axis = AXES.find((one) => one === name);
  if (axis === undefined) return undefined;
  if (given === undefined) return { axis, values: USUAL[axis] };
  const values = given.split(",").map(Number);
  return values.every((value) => Number.isInteger(value) && value > 0)
    ? { axis, values }
    : undefined;
}
