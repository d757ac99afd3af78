/** What can be grown, one at a time, while all else stays. */
const AXES = ["processes", "nodes", "partitions", "rows"] as const;
export type Axis = (typeof AXES)[number];

/** An axis and the places on it that are measured. */
export type AxisSteps = { readonly axis: Axis; readonly values: readonly number[] };

const USUAL: Record<Axis, readonly number[]> = {
  processes: [1, 2, 4],
  nodes: [10, 1_000, 100_000],
  partitions: [1, 12, 48],
  rows: [1_000_000, 10_000_000, 50_000_000],
};

export const ALL_AXES: readonly AxisSteps[] = AXES.map((axis) => ({ axis, values: USUAL[axis] }));

/**
 * @param text an axis, or an axis with values: `nodes` or `nodes=10,5000`
 * @returns undefined when it is neither
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
