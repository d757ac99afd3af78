import { terminalText } from "@fiberstream/runtime/terminal-text";
import { Command } from "commander";
import { type NodeRow, withNodeTable } from "../../tables/node-table.ts";
import { say } from "@fiberstream/terminal/say";
import { examples } from "../../options/examples.ts";

/** `fiber nodes show <node-id>` */
export const nodesShowCommand = (): Command =>
  new Command("show")
    .description("show the data of one node")
    .argument("<node-id>")
    .option("--json", "print JSON", false)
    .addHelpText("after", examples("nodes show probe-accra-01"))
    .action(async (nodeId: string, { json }: { json: boolean }) => {
      const row = await withNodeTable(({ find }) => find(nodeId));
      printNode(row, json);
    });

export function printNode(row: NodeRow, json: boolean): void {
  say(json ? `${JSON.stringify(row)}\n` : renderNode(row));
}

export function renderNode(row: NodeRow): string {
  return Object.entries(row)
    .map(([name, value]) => `${name.padEnd(14)}${shown(value)}\n`)
    .join("");
}

function shown(value: NodeRow[keyof NodeRow]): string {
  if (value === null) return "-";
  if (value instanceof Date) return value.toISOString();
  return terminalText(typeof value === "object" ? JSON.stringify(value) : String(value));
}
