import type { Command } from "commander";
import { createBenchCommand } from "../harness/command.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";

export type Options = {
  readonly events: number;
  readonly rounds: number;
  readonly duplicates: number;
  readonly freshness: number;
  readonly json: boolean;
};

/**
 * Creates the command.
 * @param run is called with its options
 */
export function createCommand(run: (options: Options) => Promise<void>): Command {
  return createBenchCommand({
    name: "bench:sink",
    description:
      "Measure how fast the sink drains a backlog, compared with a plain COPY of the same rows by psql.",
    help: HELP,
  })
    .option(
      "--events <number>",
      "number of events in the backlog",
      wholeNumber(1_000, 1e8),
      2_000_000,
    )
    .option("--rounds <number>", "number of rounds; medians are printed", wholeNumber(1, 99), 3)
    .option("--duplicates <percent>", "percentage of duplicates", wholeNumber(0, 50), 0)
    .option(
      "--freshness <seconds>",
      "then send 100 events/s for this time",
      wholeNumber(0, 3_600),
      0,
    )
    .option("--json", "print the figures as JSON", false)
    .action((options: Options) => run(options));
}

const HELP = `
The run starts its own Kafka, registry and PostgreSQL without Docker on this machine, which should be idle
otherwise. Sink and psql take turns, each with an empty table that has its unique index. Other than psql, the sink also decodes
records and writes offsets and nodes.

Examples:
  npm run bench:sink
  npm run bench:sink -- --events 200000 --rounds 1
  npm run bench:sink -- --duplicates 10
  npm run bench:sink -- --events 100000 --rounds 1 --freshness 30
`;
