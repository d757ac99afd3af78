import { Command } from "commander";
import { breakerCommand } from "./commands/breaker.ts";
import { dlqCommand } from "./commands/dlq.ts";
import { keysCommand } from "./commands/keys.ts";
import { nodesCommand } from "./commands/nodes.ts";
import { schemasCommand } from "./commands/schemas.ts";
import { sinkCommand } from "./commands/sink-rewind.ts";
import { statusCommand } from "./commands/status.ts";
import { topicsListCommand } from "./commands/topics-list.ts";

/** The command `fiber` with all that it can do; each command is a file of `commands`. */
export function createFiber(): Command {
  return new Command("fiber")
    .usage("[command] [options]   (npm run fiber -- [command] [options])")
    .description("Looks into FiberStream and works on it.")
    .addCommand(statusCommand())
    .addCommand(
      new Command("topics").description("about the Kafka topics").addCommand(topicsListCommand()),
    )
    .addCommand(schemasCommand())
    .addCommand(keysCommand())
    .addCommand(nodesCommand())
    .addCommand(dlqCommand())
    .addCommand(breakerCommand())
    .addCommand(sinkCommand())
    .showHelpAfterError("(--help shows what there is)");
}
