import { Command } from "commander";
import { topicsDescribeCommand } from "./topics-describe.ts";
import { topicsListCommand } from "./topics-list.ts";

/** `fiber topics …` */
export const topicsCommand = (): Command =>
  new Command("topics")
    .description("about the Kafka topics")
    .addCommand(topicsListCommand())
    .addCommand(topicsDescribeCommand());
