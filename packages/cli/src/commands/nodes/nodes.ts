import { Command } from "commander";
import { nodesChangeCommands } from "./change.ts";
import { nodesListCommand } from "./list.ts";
import { nodesShowCommand } from "./show.ts";

/** `fiber nodes …`: the probes that FiberStream knows. */
export function nodesCommand(): Command {
  const command = new Command("nodes")
    .description("inspect and change the known probes (database: DATABASE_URL)")
    .addCommand(nodesListCommand())
    .addCommand(nodesShowCommand());
  for (const change of nodesChangeCommands()) command.addCommand(change);
  return command;
}
