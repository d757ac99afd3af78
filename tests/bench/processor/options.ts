import type { Command } from "commander";
import { createBenchCommand } from "../harness/command.ts";
import { percent, wholeNumber } from "@fiberstream/terminal/numbers";

export type Options = {
  readonly events: number;
  readonly nodes: number;
  readonly unknown: number;
  readonly bad: number;
  readonly freshness: number;
  readonly changes: number;
  readonly profile: string | undefined;
  readonly json: boolean;
};

/**
 * Creates the command.
 * @param run is called with its options
 */
export function createCommand(run: (options: Options) => Promise<void>): Command {
  return createBenchCommand({
    name: "bench:processor",
    description: "Measure how fast the processor drains a backlog of raw events.",
    help: HELP,
  })
    .option(
      "--events <number>",
      "number of events in the backlog",
      wholeNumber(1_000, 1e8),
      1_000_000,
    )
    .option("--nodes <number>", "number of known nodes", wholeNumber(1, 1e6), 1_000)
    .option("--unknown <share>", "share of events from unknown nodes, in percent", percent, 1)
    .option("--bad <share>", "share of records that are not events, in percent", percent, 0.1)
    .option(
      "--freshness <seconds>",
      "then send 100 events/s for this time",
      wholeNumber(0, 3_600),
      20,
    )
    .option("--changes <number>", "then change a node this often", wholeNumber(0, 10_000), 20)
    .option("--profile <folder>", "write a CPU profile of the processor to this folder")
    .option("--json", "print the figures as JSON", false)
    .action((options: Options) => run(options));
}

const HELP = `
The run starts its own Kafka, registry, Redis and PostgreSQL on this machine, which should be idle otherwise.
The processor is a separate process. Its CPU time and its rate are measured from its first batch to its last. Freshness is
the time from Kafka's acknowledgement of a raw record to its enriched record, after a warm-up of 5 s. The time of a node's
change is from the commit of its row in PostgreSQL to the first record with the change.

Examples:
  npm run bench:processor
  npm run bench:processor -- --events 200000 --freshness 0
  npm run bench:processor -- --events 300000 --profile /tmp/profile
`;
