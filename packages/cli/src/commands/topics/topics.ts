import { Command } from "commander";
import { topicsDescribeCommand } from "./describe.ts";
import { topicsListCommand } from "./list.ts";

/** `fiber topics …` */
export const topicsCommand = (): Command =>
  new Command("topics")
    .description("inspect Kafka topics")
    .addCommand(topicsListCommand())
    .addCommand(topicsDescribeCommand());
