import { type Command, Option } from "commander";
import { createBenchCommand } from "../harness/command.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { SCENARIOS } from "./scenarios.ts";

export type Options = {
  readonly only: string | undefined;
  readonly keys: "with" | "without" | "both";
  readonly seconds: number;
  readonly turns: boolean;
  readonly hostile: boolean;
  readonly attack: string | undefined;
  readonly redis: "up" | "full" | "away";
  readonly profile: string | undefined;
  readonly json: boolean;
};

/**
 * Creates the command.
 * @param run is called with its options
 */
export function createCommand(run: (options: Options) => Promise<void>): Command {
  return createBenchCommand({
    name: "bench:gateway",
    description: "Measure the gateway accepting events, each answered when Kafka has it.",
    help: HELP,
  })
    .addOption(
      new Option("--only <name>", "one way of sending").choices(SCENARIOS.map(({ name }) => name)),
    )
    .addOption(
      new Option("--keys <which>", "with API keys, without, or both after each other")
        .choices(["with", "without", "both"])
        .default("both"),
    )
    .option("--seconds <number>", "how long each measurement takes", wholeNumber(1, 3_600), 10)
    .option(
      "--turns",
      "instead: how long the largest and hostile bodies keep others waiting, without Kafka",
      false,
    )
    .option("--hostile", "instead: what an honest probe waits for while others attack", false)
    .option("--attack <name>", "with --hostile: this attack alone, as its table names it")
    .addOption(
      new Option("--redis <state>", "with --hostile: what has become of Redis")
        .choices(["up", "full", "away"])
        .default("up"),
    )
    .option("--profile <folder>", "write a CPU profile of the gateway there")
    .option("--json", "print the figures as JSON", false)
    .action((options: Options) => run(options));
}

const HELP = `
Kafka, registry, Redis and PostgreSQL are the run's own, on this machine: it should have nothing else to do.
The gateway is a process of its own, and so is what sends. Each way of sending is warmed up first. "single at
half" sends half as many requests a second as "single" got through, evenly, and is there for its latencies.

Examples:
  npm run bench:gateway
  npm run bench:gateway -- --turns
  npm run bench:gateway -- --hostile --redis full --seconds 30
  npm run bench:gateway -- --only single --keys without --seconds 30
  npm run bench:gateway -- --only batch-500 --keys without --profile /tmp/profile
`;
