/** What writing all rows once took. */
export type Measured = {
  readonly seconds: number;
  /** CPU of the program that sends the rows. */
  readonly writerCpuSeconds: number;
  /** CPU of the whole server. */
  readonly postgresCpuSeconds: number;
};

/** The middle one by `of`; of an even number the lower one. */
export function median<T>(items: readonly T[], of: (item: T) => number): T {
  const sorted = items.toSorted((one, other) => of(one) - of(other));
  const middle = sorted[(sorted.length - 1) >> 1];
  if (middle === undefined) throw new Error("nothing was measured");
  return middle;
}
