import type { Command } from "commander";
import { createBenchCommand } from "../harness/command.ts";
import { number, percent, wholeNumber } from "@fiberstream/terminal/numbers";

export type Options = {
  readonly minutes: number;
  readonly load: number;
  readonly rate: number | undefined;
  readonly batch: number;
  readonly nodes: number;
  readonly save: boolean;
  readonly json: boolean;
};

/**
 * Creates the command.
 * @param run is called with its options
 */
export function createCommand(run: (options: Options) => Promise<void>): Command {
  return createBenchCommand({
    name: "soak",
    description: "Run everything under a steady load, and report which resources grow.",
    help: HELP,
  })
    .option("--minutes <number>", "duration in minutes", number(1, 10_000), 30)
    .option("--load <percent>", "load in percent of the sustainable rate", percent, 30)
    .option(
      "--rate <events>",
      "use this as the sustainable rate (events per second)",
      wholeNumber(100, 1e7),
    )
    .option("--batch <events>", "events per request", wholeNumber(1, 10_000), 100)
    .option("--nodes <number>", "number of nodes that send", wholeNumber(1, 1e6), 1_000)
    .option("--save", "save the result in docs/benchmark", false)
    .option("--json", "print the figures as JSON", false)
    .action((options: Options) => run(options));
}

const HELP = `
The run starts its own backing services and services without Docker on this machine. It
first finds the sustainable rate. The first fifth of the time, in which caches fill, is not evaluated. The exit code is 1 if a
resource grew by more than its limit, which is printed next to it.

Examples:
  npm run soak
  npm run soak -- --minutes 5 --load 50% --rate 15000
`;
