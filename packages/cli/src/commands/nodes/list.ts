import { renderTable } from "@fiberstream/terminal/table";
import { Command, Option } from "commander";
import { type NodeFilter, type NodeRow, withNodeTable } from "../../tables/node-table.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { say } from "@fiberstream/terminal/say";

export const NODE_STATUSES = ["registered", "reporting", "inactive", "deleted"] as const;

/** `fiber nodes list` */
export const nodesListCommand = (): Command =>
  new Command("list")
    .description("list nodes, where they are and when they were last seen")
    .addOption(new Option("--status <status>", "only those").choices(NODE_STATUSES))
    .option("--country <code>", "only those of a country, two capital letters")
    .option("--limit <number>", "the most to show", wholeNumber(1, 1e6), 100)
    .option("--json", "as JSON, one array", false)
    .action(async ({ json, ...filter }: NodeFilter & { json: boolean }) => {
      const rows = await withNodeTable(({ list }) => list(filter));
      say(json ? `${JSON.stringify(rows)}\n` : `${renderNodes(rows)}\n`);
    });

export function renderNodes(rows: readonly NodeRow[]): string {
  const cells = rows.map((row) => [
    row.node_id,
    row.display_name ?? row.node_name,
    row.status,
    row.country ?? "",
    [row.city, row.region].filter(Boolean).join(", "),
    row.last_seen_at?.toISOString() ?? "never",
  ]);
  return renderTable([["NODE", "NAME", "STATUS", "COUNTRY", "WHERE", "LAST SEEN"], ...cells]);
}
