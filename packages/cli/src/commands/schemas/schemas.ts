import { Command } from "commander";
import { schemasCheckCommand } from "./check.ts";
import { schemasDiffCommand } from "./diff.ts";
import { schemasListCommand } from "./list.ts";
import { schemasRegisterCommand } from "./register.ts";
import { schemasReleaseCommand } from "./release.ts";

/** `fiber schemas …`: the topics' schemas and their versions. */
export const schemasCommand = (): Command =>
  new Command("schemas")
    .description("inspect, check and release the topics' schemas")
    .addCommand(schemasCheckCommand())
    .addCommand(schemasDiffCommand())
    .addCommand(schemasListCommand())
    .addCommand(schemasReleaseCommand())
    .addCommand(schemasRegisterCommand());
