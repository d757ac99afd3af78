import { Command } from "commander";
import { auditExportCommand } from "./export.ts";
import { auditForgetCommand } from "./forget.ts";
import { auditKeygenCommand } from "./keygen.ts";
import { auditListCommand } from "./list.ts";
import { auditVerifyCommand } from "./verify.ts";

/** `fiber audit …`: who changed what. */
export const auditCommand = (): Command =>
  new Command("audit")
    .description("inspect, verify and export the audit log (database: DATABASE_URL)")
    .addCommand(auditListCommand())
    .addCommand(auditVerifyCommand())
    .addCommand(auditExportCommand())
    .addCommand(auditForgetCommand())
    .addCommand(auditKeygenCommand());
