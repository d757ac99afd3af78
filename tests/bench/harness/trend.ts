import { linearRegression } from "simple-statistics";

/** A line through points, by least squares. */
export type Trend = {
  readonly slope: number;
  /** The slope's standard error; as if points erred independently, which neighbours in time do not quite. */
  readonly slopeError: number;
};

/** @param points of x and y; fewer than three have no trend that could be told from chance: NaN */
export function trendOf(points: readonly (readonly [number, number])[]): Trend {
  if (points.length < 3) return { slope: NaN, slopeError: NaN };
  const { m: slope, b } = linearRegression(points.map(([x, y]) => [x, y]));
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const spreadX = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const residuals = points.reduce((sum, [x, y]) => sum + (y - slope * x - b) ** 2, 0);
  return { slope, slopeError: Math.sqrt(residuals / (points.length - 2) / spreadX) };
}
