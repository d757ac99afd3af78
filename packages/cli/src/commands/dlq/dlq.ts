import { Command } from "commander";
import { dlqExportCommand } from "./export.ts";
import { dlqListCommand } from "./list.ts";
import { dlqReplayCommand } from "./replay.ts";
import { dlqShowCommand } from "./show.ts";

/** `fiber dlq …`: records that could not be processed. */
export const dlqCommand = (): Command =>
  new Command("dlq")
    .description("inspect and replay dead letters (cluster: KAFKA_BROKERS)")
    .addCommand(dlqListCommand())
    .addCommand(dlqShowCommand())
    .addCommand(dlqReplayCommand())
    .addCommand(dlqExportCommand());
