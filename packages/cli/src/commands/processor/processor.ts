import { Command } from "commander";
import { processorAcceptLogCommand } from "./accept-log.ts";

/** `fiber processor …` */
export const processorCommand = (): Command =>
  new Command("processor")
    .description("operate the processor")
    .addCommand(processorAcceptLogCommand());
