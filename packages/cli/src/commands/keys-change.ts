import { Command } from "commander";
import { say } from "../say.ts";
import { wholeNumber } from "../whole-number.ts";
import { MOST_NODES } from "./keys-create.ts";
import { renderKeys } from "./keys-list.ts";
import type { WithKeyTable } from "./keys.ts";

/** `fiber keys change` */
export const keysChangeCommand = (withKeyTable: WithKeyTable): Command =>
  new Command("change")
    .description("changes how many nodes a key may report for; takes effect within 30 s")
    .argument("<key-id>")
    .requiredOption("--max-nodes <number>", "nodes within 30 days", wholeNumber(1, MOST_NODES))
    .action(async (keyId: string, { maxNodes }: { maxNodes: number }) => {
      const row = await withKeyTable(({ setMaxNodes }) => setMaxNodes(keyId, maxNodes));
      say(`${renderKeys([row])}\n`);
    });
