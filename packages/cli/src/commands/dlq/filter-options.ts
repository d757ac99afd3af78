import { FAILURE_CLASSES } from "@fiberstream/runtime/outcome";
import { type Command, Option } from "commander";
import { time } from "../../options/moment.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";

/** The options that say which dead letters are meant. */
export const withFilter = (command: Command): Command =>
  command
    .addOption(new Option("--class <class>", "why it was dead-lettered").choices(FAILURE_CLASSES))
    .option("--topic <topic>", "the topic that it came from")
    .option("--partition <number>", "its partition there", wholeNumber(0, 1e6))
    .option("--key <key>", "its key, a node's id")
    .option(
      "--since <time>",
      "dead-lettered at or after, ISO 8601 or such as 30m, 6h, 2d ago",
      time,
    )
    .option("--until <time>", "dead-lettered before, in the same way", time);
