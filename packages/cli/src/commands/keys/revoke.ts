import { Command } from "commander";
import { withKeyTable } from "../../tables/key-table.ts";
import { say } from "@fiberstream/terminal/say";

/** `fiber keys revoke` */
export const keysRevokeCommand = (): Command =>
  new Command("revoke")
    .description(
      "revoke a key for good, everywhere within 30 seconds; its nodes are free for other tenants",
    )
    .argument("<key-id>")
    .option("--json", "as JSON", false)
    .action(async (keyId: string, { json }: { json: boolean }) => {
      const row = await withKeyTable(({ revoke }) => revoke(keyId));
      const text = `Key ${row.key_id} of tenant ${row.tenant} is revoked.`;
      say(`${json ? JSON.stringify(row) : text}\n`);
    });
