import { linearRegression } from "simple-statistics";

/** A linear regression by least squares. */
export type Trend = {
  readonly slope: number;
  /** Standard error of the slope. It assumes independent errors, which is not quite true for neighbours in time. */
  readonly slopeError: number;
};

/**
 * Calculates the trend of points.
 * @param points x and y; the trend of fewer than three points is NaN
 */
export function trendOf(points: readonly (readonly [number, number])[]): Trend {
  if (points.length < 3) return { slope: NaN, slopeError: NaN };
  const { m: slope, b } = linearRegression(points.map(([x, y]) => [x, y]));
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const spreadX = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const residuals = points.reduce((sum, [x, y]) => sum + (y - slope * x - b) ** 2, 0);
  return { slope, slopeError: Math.sqrt(residuals / (points.length - 2) / spreadX) };
}
