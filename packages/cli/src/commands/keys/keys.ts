import { Command } from "commander";
import { keysChangeCommand } from "./change.ts";
import { keysCreateCommand } from "./create.ts";
import { keysLimitCommand } from "./limit.ts";
import { keysListCommand } from "./list.ts";
import { keysRevokeCommand } from "./revoke.ts";
import { keysRotateCommand } from "./rotate.ts";

/** `fiber keys …`: the API keys of senders. */
export const keysCommand = (): Command =>
  new Command("keys")
    .description("manage the API keys of senders (database: DATABASE_URL)")
    .addCommand(keysCreateCommand())
    .addCommand(keysChangeCommand())
    .addCommand(keysListCommand())
    .addCommand(keysLimitCommand())
    .addCommand(keysRotateCommand())
    .addCommand(keysRevokeCommand());
