import { wholeNumber } from "@fiberstream/terminal/numbers";
import { Command } from "commander";

export type Options = {
  readonly events: number;
  readonly rate: number;
  readonly kills: number;
  readonly brokerKills: number;
  readonly redisAway: number;
  readonly postgresAway: number;
  readonly frozen: number;
  readonly seed: number;
};

/**
 * Creates the command.
 * @param run is called with its options
 */
export function createCommand(run: (options: Options) => Promise<void>): Command {
  return new Command("chaos:processor")
    .usage("[options]   (npm run chaos:processor -- [options])")
    .description(
      "Send events through two processors during faults, and check that each event arrives once and in order.",
    )
    .option("--events <number>", "number of events", wholeNumber(1_000, 1e7), 200_000)
    .option("--rate <number>", "events per second", wholeNumber(10, 20_000), 1_000)
    .option("--kills <number>", "SIGKILLs of a processor", wholeNumber(0, 1_000), 20)
    .option("--broker-kills <number>", "SIGKILLs of the broker", wholeNumber(0, 100), 3)
    .option("--redis-away <seconds>", "stop Redis for this time", wholeNumber(0, 600), 20)
    .option("--postgres-away <seconds>", "stop PostgreSQL for this time", wholeNumber(0, 600), 20)
    .option("--frozen <seconds>", "freeze a processor for this time", wholeNumber(0, 600), 60)
    .option("--seed <number>", "seed of the times and targets", wholeNumber(1, 2 ** 31), 1)
    .addHelpText("after", HELP)
    .allowExcessArguments(false)
    .showHelpAfterError("(see --help)")
    .action((options: Options) => run(options));
}

const HELP = `
The run starts its own Kafka, registry, Redis and PostgreSQL. One record of 100 is not an event and has to be in the
dead-letter topic once. The events sent are read from the raw topic, because sends that Kafka did not acknowledge are
repeated. Faults are injected one after another, at random times, while events are sent.
The exit code is 1 if an event was lost, duplicated or reordered.

Examples:
  npm run chaos:processor
  npm run chaos:processor -- --events 20000 --kills 3 --broker-kills 1 --frozen 0
`;
