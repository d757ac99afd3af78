import { Command } from "commander";
import { schemasCheckCommand } from "./schemas-check.ts";
import { schemasDiffCommand } from "./schemas-diff.ts";
import { schemasListCommand } from "./schemas-list.ts";
import { schemasRegisterCommand } from "./schemas-register.ts";
import { schemasReleaseCommand } from "./schemas-release.ts";

/** `fiber schemas …`: the topics' schemas and their versions. */
export const schemasCommand = (): Command =>
  new Command("schemas")
    .description("the topics' schemas: what changed, what it breaks, and new versions")
    .addCommand(schemasCheckCommand())
    .addCommand(schemasDiffCommand())
    .addCommand(schemasListCommand())
    .addCommand(schemasReleaseCommand())
    .addCommand(schemasRegisterCommand());
