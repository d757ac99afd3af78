import { number, wholeNumber } from "@fiberstream/terminal/numbers";
import { Command, InvalidArgumentError, Option } from "commander";
import { FAULT_KINDS, type FaultKind, FAULTS, traitOf } from "./faults/fault-kinds.ts";

export type Options = {
  readonly seed: number;
  readonly minutes: number;
  readonly events: number;
  readonly kinds: readonly FaultKind[];
  readonly brokers: number;
  readonly everySeconds: number;
  readonly eachOnce: boolean;
  readonly alone: boolean;
  readonly plan: boolean;
  readonly out: string;
  readonly keep: boolean;
  readonly json: boolean;
  /** Whether this process has mounts of its own already. */
  readonly ownMounts: boolean;
};

/**
 * Creates the command.
 * @param run is called with its options
 */
export function createCommand(run: (options: Options) => Promise<void>): Command {
  return new Command("chaos")
    .usage("[options]   (npm run chaos -- [options])")
    .description(
      "Run the whole platform under a known load, let things fail by a seeded schedule, and compare what was accepted with what is in the topics and in the table.",
    )
    .option("--seed <number>", "which schedule, and which events", wholeNumber(0, 2 ** 31), 1)
    .option("--minutes <number>", "how long the load and its faults last", number(0.3, 600), 3)
    .option(
      "--events <number>",
      "how many events are to be accepted",
      wholeNumber(100, 1e8),
      50_000,
    )
    .addOption(
      new Option("--faults <list>", "only these kinds, separated by commas")
        .argParser(kinds)
        .default(BY_DEFAULT, "all but those that are only by name"),
    )
    .option(
      "--brokers <number>",
      "how many Kafka brokers; from 3 on with three replicas",
      wholeNumber(1, 5),
      1,
    )
    .option("--every <seconds>", "how far apart faults are, on average", number(0.5, 3_600), 6)
    .option("--each-once", "every kind once, instead of by chance", false)
    .option(
      "--alone",
      "one fault at a time, the next when nothing of it is left; fails where a wait is past its bound",
      false,
    )
    .option("--plan", "print the schedule and do nothing else", false)
    .option("--out <folder>", "where the timeline and the report go", ".fiberstream/chaos")
    .option("--keep", "keep data and logs of a good run, too", false)
    .option("--json", "print the report as JSON", false)
    .addOption(new Option("--own-mounts").hideHelp().default(false))
    .addHelpText("after", HELP)
    .allowExcessArguments(false)
    .showHelpAfterError("(see --help)")
    .action(async ({ faults, every, ...given }: Given) =>
      run({ ...given, kinds: faults, everySeconds: every }),
    );
}

const BY_DEFAULT = FAULT_KINDS.filter((kind) => !traitOf(kind).isOptIn);

type Given = Omit<Options, "kinds" | "everySeconds"> & {
  readonly faults: readonly FaultKind[];
  readonly every: number;
};

const HELP = `
Kinds of faults:
${FAULT_KINDS.map((kind) => `  ${kind.padEnd(27)}${traitOf(kind).what}${traitOf(kind).isOptIn ? " (only by name)" : ""}`).join("\n")}

The same options give the same schedule. Exit code 1: something was lost, doubled, altered, out of
order or unexplained.

Examples:
  npm run chaos -- --seed 7 --minutes 3
  npm run chaos -- --seed 1 --minutes 25 --events 1000000
  npm run chaos -- --faults kill-processor,kill-broker --every 3
  npm run chaos -- --brokers 3 --alone --faults kill-sink,freeze-broker --minutes 5`;

function kinds(text: string): readonly FaultKind[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !Object.hasOwn(FAULTS, name));
  if (unknown.length > 0) {
    throw new InvalidArgumentError(`There is no ${unknown.join(", ")}.`);
  }
  return names as FaultKind[];
}
