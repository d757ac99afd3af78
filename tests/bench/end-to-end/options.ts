import { type Command, InvalidArgumentError } from "commander";
import { createBenchCommand } from "../harness/command.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import type { MeasureOptions } from "./measure.ts";
import { PHASES } from "./load/phase.ts";
import { ALL_AXES, type AxisSteps, readAxis } from "./scale/scale-axes.ts";

export type Options = MeasureOptions & {
  readonly compare: readonly string[] | undefined;
  readonly rounds: number;
  readonly scale: readonly AxisSteps[] | undefined;
  readonly profile: string | undefined;
  readonly save: boolean;
  readonly json: boolean;
};

const AXIS_NAMES = ALL_AXES.map(({ axis }) => axis).join(", ");

/**
 * Creates the command.
 * @param run is called with its options
 */
export function createCommand(run: (options: Options) => Promise<void>): Command {
  return createBenchCommand({
    name: "bench",
    description: "Measure the whole path from a POST to its row: rates, costs and times.",
    help: HELP,
  })
    .option("--only <names>", `measure only these: ${PHASES.join(",")}`, listOf(PHASES), PHASES)
    .option("--seconds <number>", "duration of each measurement", wholeNumber(2, 3_600), 20)
    .option(
      "--idle-seconds <number>",
      "duration of the measurement without load",
      wholeNumber(2, 3_600),
      60,
    )
    .option("--batch <events>", "events per batch request", wholeNumber(2, 10_000), 500)
    .option("--nodes <number>", "number of nodes that send", wholeNumber(1, 1e6), 1_000)
    .option(
      "--rate <events>",
      "hold this rate (events per second), instead of finding the highest",
      wholeNumber(100, 1e7),
    )
    .option("--compare <commits...>", "compare two commits in turns; a dot is this checkout")
    .option("--rounds <number>", "how often each commit is measured", wholeNumber(1, 50), 4)
    .option(
      "--scale [axes...]",
      `measure with more ${AXIS_NAMES} (default: all); nodes=10,5000 sets the values`,
    )
    .option(
      "--profile <folder>",
      "write CPU profiles to this folder, and print the largest functions",
    )
    .option("--save", "save the result in docs/benchmark", false)
    .option("--json", "print the figures as JSON", false)
    .action((options: Omit<Options, "scale"> & { scale?: readonly string[] | true }) => {
      const { scale, compare } = options;
      if (compare !== undefined && compare.length !== 2)
        throw new InvalidArgumentError("--compare needs two commits");
      return run({ ...options, compare, scale: axesOf(scale) });
    });
}

const HELP = `
The run starts its own Kafka, registry, Redis and PostgreSQL (with fsync) without Docker on this machine, which should be idle
otherwise. Each service is one process, and the load is another. Measurements:
  sustained  the highest rate at which the lag does not grow: first with a load that waits for rows, then with a slightly
             lower fixed rate
  half,most  50 % and 80 % of that rate, evenly distributed, and the time until rows are visible
  single     the same for single POSTs, at half of their highest rate
  idle       CPU and log of an hour without events, from a measurement of a minute
Before it prints anything, the run counts the rows of all accepted events. CPU time is that of a process and its children,
divided by the rows written in that time.

With --rate both commits of --compare do equal work, so differences in CPU time show sooner.

Examples:
  npm run bench
  npm run bench -- --only sustained --seconds 10
  npm run bench -- --only half,single --rate 15000 --json
  npm run bench -- --compare HEAD~1 . --rounds 6 --only sustained --rate 5000
  npm run bench -- --scale partitions nodes=1000,50000
`;

function listOf<Name extends string>(names: readonly Name[]) {
  return (text: string): readonly Name[] =>
    text.split(",").map((one) => {
      const found = names.find((name) => name === one.trim());
      if (found === undefined)
        throw new InvalidArgumentError(`must be one or several of ${names.join(", ")}.`);
      return found;
    });
}

function axesOf(texts: readonly string[] | true | undefined): readonly AxisSteps[] | undefined {
  if (texts === undefined) return undefined;
  if (texts === true) return ALL_AXES;
  return texts.map((text) => {
    const steps = readAxis(text);
    if (steps === undefined)
      throw new InvalidArgumentError(
        `--scale accepts ${AXIS_NAMES}, each with values such as =1,2,4`,
      );
    return steps;
  });
}
