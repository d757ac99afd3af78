import { Command } from "commander";
import { auditCommand } from "./commands/audit/audit.ts";
import { breakerCommand } from "./commands/breaker.ts";
import { dlqCommand } from "./commands/dlq/dlq.ts";
import { eraseCommand } from "./commands/erase.ts";
import { exportCommand } from "./commands/export.ts";
import { importCommand } from "./commands/import.ts";
import { keysCommand } from "./commands/keys/keys.ts";
import { loginCommand, logoutCommand, whoamiCommand } from "./commands/login.ts";
import { nodesCommand } from "./commands/nodes/nodes.ts";
import { processorCommand } from "./commands/processor/processor.ts";
import { qualityCommand } from "./commands/quality.ts";
import { readersCommand } from "./commands/readers.ts";
import { reconcileCommand } from "./commands/reconcile.ts";
import { replayRangeCommand } from "./commands/replay-range.ts";
import { schemasCommand } from "./commands/schemas/schemas.ts";
import { sinkCommand } from "./commands/sink/sink.ts";
import { statusCommand } from "./commands/status.ts";
import { tailCommand } from "./commands/tail.ts";
import { topicsCommand } from "./commands/topics/topics.ts";
import { tracesCommand } from "./commands/traces.ts";
import { usersCommand } from "./commands/users/users.ts";

/** Returns the command `fiber`; each of its commands is a file in `commands`. */
export function createFiber(): Command {
  return new Command("fiber")
    .usage("[command] [options]   (npm run fiber -- [command] [options])")
    .description("Inspect and operate FiberStream.")
    .addCommand(loginCommand())
    .addCommand(logoutCommand())
    .addCommand(whoamiCommand())
    .addCommand(statusCommand())
    .addCommand(topicsCommand())
    .addCommand(tailCommand())
    .addCommand(exportCommand())
    .addCommand(importCommand())
    .addCommand(replayRangeCommand())
    .addCommand(qualityCommand())
    .addCommand(reconcileCommand())
    .addCommand(schemasCommand())
    .addCommand(eraseCommand())
    .addCommand(keysCommand())
    .addCommand(readersCommand())
    .addCommand(usersCommand())
    .addCommand(nodesCommand())
    .addCommand(auditCommand())
    .addCommand(dlqCommand())
    .addCommand(breakerCommand())
    .addCommand(processorCommand())
    .addCommand(sinkCommand())
    .addCommand(tracesCommand())
    .showHelpAfterError("(see --help)");
}
