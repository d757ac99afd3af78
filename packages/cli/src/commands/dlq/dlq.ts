import { Command } from "commander";
import { dlqExportCommand } from "./export.ts";
import { dlqListCommand } from "./list.ts";
import { dlqReplayCommand } from "./replay.ts";
import { dlqShowCommand } from "./show.ts";

/** `fiber dlq …`: records that could not go on. */
export const dlqCommand = (): Command =>
  new Command("dlq")
    .description("records that were put aside, in the dead-letter topic at KAFKA_BROKERS")
    .addCommand(dlqListCommand())
    .addCommand(dlqShowCommand())
    .addCommand(dlqReplayCommand())
    .addCommand(dlqExportCommand());
