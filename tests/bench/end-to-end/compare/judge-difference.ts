import { mean, permutationTest, quantileSorted } from "simple-statistics";

/** The comparison of two samples of one figure. */
export type Judgement = {
  readonly meanA: number;
  readonly meanB: number;
  /** Change from A to B in percent, with its 95 % interval (by bootstrap). */
  readonly changePercent: number;
  readonly intervalPercent: readonly [number, number];
  /** Probability of a difference this large by chance (by permutation test). */
  readonly p: number;
  readonly verdict: "better" | "worse" | "no difference seen" | "too few rounds to tell";
};

const PERMUTATIONS = 10_000;
const RESAMPLES = 4_000;
const CHANCE = 0.05;

/**
 * Compares two samples.
 *
 * @param better which direction is better
 * @param random returns a number from 0 to 1; with a seeded generator the result is reproducible
 */
export function judgeDifference(
  a: readonly number[],
  b: readonly number[],
  { better, random }: { better: "lower" | "higher"; random: () => number },
): Judgement {
  const [meanA, meanB] = [mean([...a]), mean([...b])];
  const changePercent = (meanB / meanA - 1) * 100;
  const p = permutationTest([...a], [...b], "two_side", PERMUTATIONS, random);
  const isBetter = better === "lower" ? meanB < meanA : meanB > meanA;
  return {
    meanA,
    meanB,
    changePercent,
    intervalPercent: changeInterval(a, b, random),
    p,
    verdict:
      smallestP(a.length, b.length) > CHANCE
        ? "too few rounds to tell"
        : p > CHANCE
          ? "no difference seen"
          : isBetter
            ? "better"
            : "worse",
  };
}

/** Returns the smallest p of a permutation test with so many values: all of A on one side of all of B. */
export function smallestP(countA: number, countB: number): number {
  let splits = 1;
  for (let at = 1; at <= countA; at++) splits *= (countB + at) / at;
  return 2 / splits;
}

function changeInterval(
  a: readonly number[],
  b: readonly number[],
  random: () => number,
): [number, number] {
  const resampled = (values: readonly number[]) => {
    let sum = 0;
    for (let at = 0; at < values.length; at++) {
      sum += values[Math.floor(random() * values.length)] ?? 0;
    }
    return sum / values.length;
  };
  const changes = Array.from(
    { length: RESAMPLES },
    () => (resampled(b) / resampled(a) - 1) * 100,
  ).sort((one, other) => one - other);
  return [quantileSorted(changes, 0.025), quantileSorted(changes, 0.975)];
}
