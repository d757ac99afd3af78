import { mean, permutationTest, quantileSorted } from "simple-statistics";

/** Whether two samples of one figure differ by more than chance. */
export type Judgement = {
  readonly meanA: number;
  readonly meanB: number;
  /** B compared with A, in percent; the interval has it with 95 %, by bootstrap. */
  readonly changePercent: number;
  readonly intervalPercent: readonly [number, number];
  /** How often chance alone gives a difference this large: by permutation. */
  readonly p: number;
  readonly verdict: "better" | "worse" | "no difference seen" | "too few rounds to tell";
};

const PERMUTATIONS = 10_000;
const RESAMPLES = 4_000;
const CHANCE = 0.05;

/**
 * @param better which way is better
 * @param random 0 up to 1; a fixed one gives the same judgement for the same samples
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
      leastChance(a.length, b.length) > CHANCE
        ? "too few rounds to tell"
        : p > CHANCE
          ? "no difference seen"
          : isBetter
            ? "better"
            : "worse",
  };
}

/** The smallest p that a permutation test of so many values can give: all of A on one side of all of B. */
export function leastChance(countA: number, countB: number): number {
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
