import { revokeKey } from "@fiberstream/access/key-table";
import { Command } from "commander";
import { changeAsOperator } from "../../tables/with-pool.ts";
import { say } from "@fiberstream/terminal/say";
import { examples } from "../../options/examples.ts";

/** `fiber keys revoke` */
export const keysRevokeCommand = (): Command =>
  new Command("revoke")
    .description(
      "revoke a key permanently; all gateways reject it within 30 seconds, and other tenants may use its nodes",
    )
    .argument("<key-id>")
    .option("--json", "print JSON", false)
    .addHelpText("after", examples("keys revoke <key-id>"))
    .action(async (keyId: string, { json }: { json: boolean }) => {
      const attempt = { action: "key.revoked", objectKind: "key", object: keyId };
      const row = await changeAsOperator(attempt, (client) => revokeKey(client, keyId));
      const text = `Key ${row.key_id} of tenant ${row.tenant} is revoked.`;
      say(`${json ? JSON.stringify(row) : text}\n`);
    });
