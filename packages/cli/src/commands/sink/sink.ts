import { Command } from "commander";
import { sinkAcceptLogCommand } from "./accept-log.ts";
import { sinkRewindCommand } from "./rewind.ts";

/** `fiber sink …` */
export const sinkCommand = (): Command =>
  new Command("sink")
    .description("about the sink: where its partitions go on")
    .addCommand(sinkRewindCommand())
    .addCommand(sinkAcceptLogCommand());
