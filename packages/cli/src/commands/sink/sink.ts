import { Command } from "commander";
import { sinkAcceptLogCommand } from "./accept-log.ts";
import { sinkRewindCommand } from "./rewind.ts";

/** `fiber sink …` */
export const sinkCommand = (): Command =>
  new Command("sink")
    .description("operate the sink")
    .addCommand(sinkRewindCommand())
    .addCommand(sinkAcceptLogCommand());
