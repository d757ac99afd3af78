import { Command } from "commander";
import { nodesChangeCommands } from "./change.ts";
import { nodesListCommand } from "./list.ts";
import { nodesShowCommand } from "./show.ts";

/** `fiber nodes …`: the table of nodes. */
export function nodesCommand(): Command {
  const command = new Command("nodes")
    .description("inspect and change the table of nodes (database: DATABASE_URL)")
    .addCommand(nodesListCommand())
    .addCommand(nodesShowCommand());
  for (const change of nodesChangeCommands()) command.addCommand(change);
  return command;
}
