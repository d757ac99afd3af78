import { number, wholeNumber } from "@fiberstream/terminal/numbers";
import { Command, InvalidArgumentError, Option } from "commander";
import { FAULT_KINDS, type FaultKind, traitOf } from "./faults/fault-kinds.ts";
import { FAULTS } from "./faults/fault-table.ts";

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
  /** Whether this process already has its own mount namespace. */
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
      "Run all of FiberStream under a known load, inject faults by a seeded schedule, and compare the accepted events with the topics and the table.",
    )
    .option("--seed <number>", "seed of the schedule and of the events", wholeNumber(0, 2 ** 31), 1)
    .option("--minutes <number>", "duration of the load and its faults", number(0.3, 600), 3)
    .option("--events <number>", "number of events to send", wholeNumber(100, 1e8), 50_000)
    .addOption(
      new Option("--faults <list>", "inject only these kinds, separated by commas")
        .argParser(kinds)
        .default(BY_DEFAULT, "all except those that are only by name"),
    )
    .option(
      "--brokers <number>",
      "number of Kafka brokers; from 3 on with three replicas",
      wholeNumber(1, 5),
      1,
    )
    .option("--every <seconds>", "average time between faults", number(0.5, 3_600), 6)
    .option("--each-once", "inject each kind once, instead of at random", false)
    .option(
      "--alone",
      "inject one fault at a time, and wait for the recovery before the next; fail if a wait is longer than allowed",
      false,
    )
    .option("--plan", "only print the schedule", false)
    .option("--out <folder>", "folder of the timeline and the report", ".fiberstream/chaos")
    .option("--keep", "keep data and logs also after a successful run", false)
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

The same options give the same schedule. The exit code is 1 if an event was lost, duplicated,
altered, reordered or unexplained.

Examples:
  npm run chaos -- --seed 7 --minutes 3
  npm run chaos -- --seed 1 --minutes 25 --events 1000000
  npm run chaos -- --faults kill-processor,kill-broker --every 3
  npm run chaos -- --brokers 3 --alone --faults kill-sink,freeze-broker --minutes 5`;

function kinds(text: string): readonly FaultKind[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !Object.hasOwn(FAULTS, name));
  if (unknown.length > 0) {
    throw new InvalidArgumentError(`Unknown kinds: ${unknown.join(", ")}.`);
  }
  return names as FaultKind[];
}
