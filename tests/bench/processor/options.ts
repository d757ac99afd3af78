import { Command, InvalidArgumentError } from "commander";

export type Options = {
  readonly events: number;
  readonly nodes: number;
  readonly unknown: number;
  readonly bad: number;
  readonly freshness: number;
  readonly profile: string | undefined;
  readonly json: boolean;
};

/** The command with its `--help`. @param run is called with what was asked for */
export function createCommand(run: (options: Options) => Promise<void>): Command {
  return new Command("bench:processor")
    .usage("[options]   (npm run bench:processor -- [options])")
    .description("Measures the processor draining a backlog of raw events.")
    .option("--events <number>", "how many events the backlog has", whole(1_000, 1e8), 1_000_000)
    .option("--nodes <number>", "how many nodes are known", whole(1, 1e6), 1_000)
    .option("--unknown <share>", "events of nodes never seen, in percent", share, 1)
    .option("--bad <share>", "records that are no events, in percent", share, 0.1)
    .option("--freshness <seconds>", "then send 100 events/s for so long", whole(0, 3_600), 20)
    .option("--profile <folder>", "write a CPU profile of the processor there")
    .option("--json", "print the figures as JSON", false)
    .addHelpText("after", HELP)
    .allowExcessArguments(false)
    .showHelpAfterError("(--help shows what there is)")
    .action((options: Options) => run(options));
}

const HELP = `
Kafka, registry, Redis and PostgreSQL are the run's own, on this machine: it should have nothing else to do.
The processor is a process of its own. Its CPU time and its rate are of the time from its first batch to its
last; freshness is from Kafka's acknowledgement of a raw event until its enriched record can be read, after
5 s of the same that are not counted.

Examples:
  npm run bench:processor
  npm run bench:processor -- --events 200000 --freshness 0
  npm run bench:processor -- --events 300000 --profile /tmp/profile
`;

const whole = (least: number, most: number) => (text: string) => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new InvalidArgumentError(`takes a whole number from ${least} to ${most}.`);
};

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 100) return value;
  throw new InvalidArgumentError("takes a number from 0 to 100.");
}
