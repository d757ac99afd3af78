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
    description:
      "Measure how the gateway accepts events; it answers when Kafka has acknowledged them.",
    help: HELP,
  })
    .addOption(
      new Option("--only <name>", "measure only this scenario").choices(
        SCENARIOS.map(({ name }) => name),
      ),
    )
    .addOption(
      new Option("--keys <which>", "with API keys, without, or one after the other")
        .choices(["with", "without", "both"])
        .default("both"),
    )
    .option("--seconds <number>", "duration of each measurement", wholeNumber(1, 3_600), 10)
    .option(
      "--turns",
      "instead, measure how long the largest and hostile bodies block the event loop, without Kafka",
      false,
    )
    .option(
      "--hostile",
      "instead, measure the answer times of an honest probe during attacks",
      false,
    )
    .option("--attack <name>", "with --hostile: only this attack, by the name in the table")
    .addOption(
      new Option("--redis <state>", "with --hostile: the state of Redis")
        .choices(["up", "full", "away"])
        .default("up"),
    )
    .option("--profile <folder>", "write a CPU profile of the gateway to this folder")
    .option("--json", "print the figures as JSON", false)
    .action((options: Options) => run(options));
}

const HELP = `
The run starts its own Kafka, registry, Redis and PostgreSQL on this machine, which should be idle otherwise.
The gateway and the sender are separate processes. Each scenario is warmed up first. "single at half" sends half as many
requests per second as "single" achieved, evenly distributed, to measure latencies.

Examples:
  npm run bench:gateway
  npm run bench:gateway -- --turns
  npm run bench:gateway -- --hostile --redis full --seconds 30
  npm run bench:gateway -- --only single --keys without --seconds 30
  npm run bench:gateway -- --only batch-500 --keys without --profile /tmp/profile
`;
