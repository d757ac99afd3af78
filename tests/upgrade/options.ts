import { Command, InvalidArgumentError } from "commander";

export type Options = {
  /** A commit, in git's syntax. */
  readonly from: string;
  readonly holdSeconds: number;
  readonly rate: number;
  readonly keep: boolean;
  readonly json: boolean;
};

/**
 * Creates the command.
 * @param run is called with its options
 */
export function createCommand(run: (options: Options) => Promise<void>): Command {
  return new Command("upgrade-test")
    .usage("--from <commit> [options]   (npm run upgrade-test -- --from <commit>)")
    .description(
      "Upgrade a running platform from an earlier version to this one and roll it back, process by process under load, and compare the accepted events with the topics and the table, and what the consoles count with the table.",
    )
    .requiredOption("--from <commit>", "the earlier version: a tag, a branch or a commit")
    .option("--hold-seconds <number>", "duration of each mix of versions", atLeast(1), 4)
    .option("--rate <number>", "events per second", atLeast(20), 200)
    .option("--keep", "keep data and logs also after a successful run", false)
    .option("--json", "print the report as JSON", false)
    .addHelpText("after", HELP)
    .allowExcessArguments(false)
    .showHelpAfterError("(see --help)")
    .action(async ({ from, holdSeconds, rate, keep, json }: Options) =>
      run({ from, holdSeconds, rate, keep, json }),
    );
}

const HELP = `
The earlier version is checked out into another folder, with its own dependencies (npm install). There are two processes of
each service. The exit code is 1 if an event was lost, duplicated, altered, reordered or unexplained, a console gave
a wrong answer, or a process exited unexpectedly.

Example:
  npm run upgrade-test -- --from v0.1.0`;

const atLeast = (min: number) => (text: string) => {
  const value = Number(text);
  if (text.trim() === "" || !(value >= min && value <= 10_000)) {
    throw new InvalidArgumentError(`It must be a number from ${min} to 10000.`);
  }
  return value;
};
