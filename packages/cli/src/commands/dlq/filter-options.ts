import { FAILURE_CLASSES } from "@fiberstream/runtime/outcome";
import { type Command, Option } from "commander";
import { time } from "../../options/moment.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";

/** Adds the options that select dead letters. */
export const withFilter = (command: Command): Command =>
  command
    .addOption(new Option("--class <class>", "only this class of failure").choices(FAILURE_CLASSES))
    .option("--topic <topic>", "only from this original topic")
    .option(
      "--partition <number>",
      "only from this partition of the original topic",
      wholeNumber(0, 1e6),
    )
    .option("--key <key>", "only with this key (the node id)")
    .option(
      "--since <time>",
      "only failed at or after this time: ISO 8601, or an age such as 30m, 6h, 2d",
      time,
    )
    .option("--until <time>", "only failed before this time, in the same format", time);
