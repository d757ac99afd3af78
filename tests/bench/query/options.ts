import { type Command, InvalidArgumentError } from "commander";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { createBenchCommand } from "../harness/command.ts";

export const PARTS = ["latest", "series", "export", "live"] as const;
export type Part = (typeof PARTS)[number];

export type Options = {
  readonly rows: number;
  readonly nodes: number;
  readonly days: number;
  readonly seed: number;
  readonly repeats: number;
  readonly exportRows: number;
  readonly only: readonly Part[];
  readonly dashboards: number;
  readonly rate: number | undefined;
  readonly seconds: number;
  readonly keep: string | undefined;
  readonly json: boolean;
};

/**
 * Creates the command.
 * @param run is called with its options
 */
export function createCommand(run: (options: Options) => Promise<void>): Command {
  return createBenchCommand({
    name: "bench:query",
    description:
      "Measure the query API on many rows, beside plain SQL on these rows, and compare the answers.",
    help: HELP,
  })
    .option("--rows <number>", "number of rows", wholeNumber(10_000, 2e8), 10_000_000)
    .option("--nodes <number>", "number of nodes that sent them", wholeNumber(10, 100_000), 1_000)
    .option("--days <number>", "length of their time range, until now", wholeNumber(1, 28), 7)
    .option("--seed <number>", "seed of the rows' values", wholeNumber(0, 1e9), 1)
    .option("--repeats <number>", "how often each question is asked", wholeNumber(1, 10_000), 200)
    .option(
      "--export-rows <number>",
      "about how many rows the export has",
      wholeNumber(1_000, 2e8),
      2_000_000,
    )
    .option("--only <parts>", `measure only these: ${PARTS.join(",")}`, parts, PARTS)
    .option(
      "--dashboards <number>",
      "then measure the ingest without and with so many dashboards that poll",
      wholeNumber(0, 1_000),
      0,
    )
    .option(
      "--rate <events>",
      "take this as the highest rate of ingest (events per second), instead of measuring it",
      wholeNumber(1_000, 1e7),
    )
    .option("--seconds <number>", "duration of each measurement of ingest", wholeNumber(5, 600), 20)
    .option(
      "--keep <folder>",
      "keep the database in this folder, and use the one that an earlier run left there",
    )
    .option("--json", "print the figures as JSON", false)
    .action((options: Options) => run(options));
}

const HELP = `
The run starts its own PostgreSQL, Kafka, registry and Redis without Docker on this machine, which should be idle otherwise. It
generates the rows in the database, from the seed, and lets the sink's own code compute the roll-ups, which takes most of the
time. Then it asks a console over HTTP, one question after the other, each about another node or range, so that no answer is shared.
The same is asked of the rows with plain SQL, less often. If an answer differs, the exit code is 1.
  latest  the latest event of all nodes
  series  statistics of one node over an hour to all days, and of a region (1,000 nodes) and 100 nodes over all days
  export  rows per second, and the console's memory
  live    from a POST to its event in the stream, through gateway, processor and sink
A row takes about 1.2 KB of disk with its roll-ups. Without --keep the database is deleted at the end.

Examples:
  npm run bench:query -- --rows 1000000
  npm run bench:query -- --keep /var/tmp/bench-query --only series
  npm run bench:query -- --rows 100000000 --nodes 10000 --keep /var/tmp/bench-query
  npm run bench:query -- --keep /var/tmp/bench-query --only latest --dashboards 50
`;

const parts = (text: string): readonly Part[] =>
  text.split(",").map((one) => {
    const found = PARTS.find((name) => name === one.trim());
    if (found === undefined)
      throw new InvalidArgumentError(`must be one or several of ${PARTS.join(", ")}.`);
    return found;
  });
