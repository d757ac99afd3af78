import { Command } from "commander";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { say } from "@fiberstream/terminal/say";
import { withKeyTable } from "../../tables/key-table.ts";
import { MOST_NODES } from "./create.ts";
import { renderKeys } from "./list.ts";

/** `fiber keys change` */
export const keysChangeCommand = (): Command =>
  new Command("change")
    .description("change how many nodes a key may report for; takes effect within 30 s")
    .argument("<key-id>")
    .requiredOption("--max-nodes <number>", "nodes within 30 days", wholeNumber(1, MOST_NODES))
    .action(async (keyId: string, { maxNodes }: { maxNodes: number }) => {
      const row = await withKeyTable(({ setMaxNodes }) => setMaxNodes(keyId, maxNodes));
      say(`${renderKeys([row])}\n`);
    });
