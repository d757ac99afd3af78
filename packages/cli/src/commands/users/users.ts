import { Command } from "commander";
import { usersCreateCommand } from "./create.ts";
import { usersGrantCommand, usersRevokeGrantCommand } from "./grant.ts";
import { usersListCommand } from "./list.ts";
import {
  usersDisableCommand,
  usersEnableCommand,
  usersEndSessionsCommand,
  usersResetCommand,
} from "./change.ts";

/** `fiber users …`: the people who may sign in to the console. */
export const usersCommand = (): Command =>
  new Command("users")
    .description("manage the people who may sign in to the console (database: DATABASE_URL)")
    .addCommand(usersCreateCommand())
    .addCommand(usersListCommand())
    .addCommand(usersGrantCommand())
    .addCommand(usersRevokeGrantCommand())
    .addCommand(usersResetCommand())
    .addCommand(usersDisableCommand())
    .addCommand(usersEnableCommand())
    .addCommand(usersEndSessionsCommand());
