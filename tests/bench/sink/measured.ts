/** The costs of writing all rows once. */
export type Measured = {
  readonly seconds: number;
  /** CPU seconds of the program that sends the rows. */
  readonly writerCpuSeconds: number;
  /** CPU seconds of the whole server. */
  readonly postgresCpuSeconds: number;
};

/** Returns the median by `of`; for an even number of items the lower one. */
export function median<T>(items: readonly T[], of: (item: T) => number): T {
  const sorted = items.toSorted((one, other) => of(one) - of(other));
  const middle = sorted[(sorted.length - 1) >> 1];
  if (middle === undefined) throw new Error("nothing was measured");
  return middle;
}
