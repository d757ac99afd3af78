import { renderTable } from "@fiberstream/terminal/table";
import { createRandom } from "@fiberstream/simulator/probes/random";
import { inTurn, withBenchContext } from "../../harness/command.ts";
import { prefixed } from "../../harness/progress.ts";
import { checkoutOf } from "./checkout-of.ts";
import { type Figure, figuresOf } from "../report/figures.ts";
import { judgeDifference, smallestP } from "./judge-difference.ts";
import { describeSetting } from "../report/machine.ts";
import { measure, type MeasureOptions } from "../measure.ts";
import type { Compared, ComparedResult } from "../report/results.ts";
import { save } from "../report/save.ts";
import { turnsOf } from "./turns.ts";

type CompareOptions = MeasureOptions & {
  readonly rounds: number;
  readonly json: boolean;
  readonly save: boolean;
};

/**
 * Measures two commits in turns (A B B A A B ...), so that other load on the machine affects both. Each measurement
 * starts from an empty platform. Then it reports for each figure whether they differ.
 */
export async function compare(options: CompareOptions, commits: readonly string[]): Promise<void> {
  const [commitA = ".", commitB = "."] = commits;
  const setting = describeSetting();
  const values = { a: [] as Figure[][], b: [] as Figure[][] };
  await withBenchContext(async (context) => {
    const { life, progress } = context;
    progress.step(`checking out ${commitA} and ${commitB}`);
    const checkouts = { a: await checkoutOf(life, commitA), b: await checkoutOf(life, commitB) };
    for (const [at, turn] of turnsOf(options.rounds).entries()) {
      const of = `${at + 1} of ${options.rounds * 2}, ${turn === "a" ? commitA : commitB}`;
      const named = { ...context, progress: prefixed(progress, of) };
      const checkout = checkouts[turn];
      const measured = await inTurn(named, (own) => measure(own, options, { checkout }));
      values[turn].push(figuresOf(measured));
    }
  });
  const figures = judgeAll(values.a, values.b);
  const result = { setting, options, commits: { a: commitA, b: commitB }, figures };
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : render(result));
  if (options.save) await save("compared", result);
}

function judgeAll(a: readonly Figure[][], b: readonly Figure[][]): Compared[] {
  const random = createRandom(1).unit;
  const valuesOf = (runs: readonly Figure[][], name: string) =>
    runs.flatMap((figures) => figures.filter((one) => one.name === name).map(({ value }) => value));
  return (a[0] ?? []).flatMap(({ name, unit, better }) => {
    const [valuesA, valuesB] = [valuesOf(a, name), valuesOf(b, name)];
    if (valuesA.length < 2 || valuesB.length < 2) return [];
    const judgement = judgeDifference(valuesA, valuesB, { better, random });
    return [{ name, unit, better, ...judgement, valuesA, valuesB }];
  });
}

function render({ commits, options, figures }: ComparedResult): string {
  const signed = (value: number) => `${value < 0 ? "" : "+"}${value.toFixed(1)}`;
  const table = renderTable([
    ["", `A: ${commits.a}`, `B: ${commits.b}`, "UNIT", "CHANGE %", "95 % INTERVAL", "p", ""],
    ...figures.map((one) => [
      one.name,
      one.meanA.toPrecision(4),
      one.meanB.toPrecision(4),
      one.unit,
      signed(one.changePercent),
      one.intervalPercent.map(signed).join(" to "),
      one.p.toFixed(3),
      one.verdict,
    ]),
  ]);
  const least = smallestP(options.rounds, options.rounds).toFixed(3);
  const known =
    `${options.rounds} rounds each: the smallest possible p is ${least} (all values of A on one side of all values of B). ` +
    "p up to 0.05 counts as a difference. Of 20 figures without a difference, about one shows one by chance.";
  return `${table}\n\n${known}\n`;
}
