/** How a value of an answer may differ from that of the rows. */
export type Tolerance = "exact" | "rounding" | "quantile";

/** A mean is a sum of rounded numbers; a quantile is right to 2 %. */
const RELATIVE: Readonly<Record<Tolerance, number>> = { exact: 0, rounding: 1e-6, quantile: 0.02 };
/** More would not help whoever reads them. */
const MAX_SHOWN = 5;

export type Value = string | number | null;
/** Values by a name of theirs, such as that of a node or a bucket. */
export type Table = ReadonlyMap<string, Readonly<Record<string, Value>>>;

/**
 * Compares an answer with what the rows say.
 *
 * @param tolerances of each column that is compared
 * @returns what differs in words, a few of the differences at most; empty if nothing does
 */
export function differencesOf(
  answered: Table,
  ofRows: Table,
  tolerances: Readonly<Record<string, Tolerance>>,
): string[] {
  const differences: string[] = [];
  if (ofRows.size === 0) differences.push("the rows have no answer, so that nothing was compared");
  for (const name of ofRows.keys()) {
    if (!answered.has(name)) differences.push(`${name} is missing`);
  }
  for (const [name, values] of answered) {
    const expected = ofRows.get(name);
    if (expected === undefined) {
      differences.push(`${name} is not in the rows`);
      continue;
    }
    for (const [column, tolerance] of Object.entries(tolerances)) {
      const [one = null, other = null] = [values[column], expected[column]];
      if (!isEqual(one, other, RELATIVE[tolerance])) {
        differences.push(`${name}: ${column} is ${one}, and ${other} by the rows`);
      }
    }
  }
  return differences.slice(0, MAX_SHOWN);
}

function isEqual(one: Value, other: Value, relative: number): boolean {
  if (typeof one !== "number" || typeof other !== "number") return one === other;
  return Math.abs(one - other) <= relative * Math.max(Math.abs(one), Math.abs(other));
}
