import { changeKey } from "@fiberstream/access/key-table";
import { Command } from "commander";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { say } from "@fiberstream/terminal/say";
import { changeAsOperator } from "../../tables/with-pool.ts";
import { MAX_NODES_OF_COLUMN } from "./create.ts";
import { renderKeys } from "./list.ts";
import { examples } from "../../options/examples.ts";

/** `fiber keys change` */
export const keysChangeCommand = (): Command =>
  new Command("change")
    .description("change for how many nodes a key may send events; takes effect within 30 s")
    .argument("<key-id>")
    .requiredOption(
      "--max-nodes <number>",
      "how many nodes within 30 days",
      wholeNumber(1, MAX_NODES_OF_COLUMN),
    )
    .addHelpText("after", examples("keys change <key-id> --max-nodes 20000"))
    .action(async (keyId: string, { maxNodes }: { maxNodes: number }) => {
      const attempt = { action: "key.changed", objectKind: "key", object: keyId };
      const row = await changeAsOperator(attempt, (client) =>
        changeKey(client, keyId, { max_nodes: maxNodes }),
      );
      say(`${renderKeys([row])}\n`);
    });
