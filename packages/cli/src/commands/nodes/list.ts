import { renderTable } from "@fiberstream/terminal/table";
import { Command, Option } from "commander";
import { type NodeFilter, type NodeRow, withNodeTable } from "../../tables/node-table.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { say } from "@fiberstream/terminal/say";
import { examples } from "../../options/examples.ts";

export const NODE_STATUSES = ["registered", "reporting", "inactive", "deleted"] as const;

/** `fiber nodes list` */
export const nodesListCommand = (): Command =>
  new Command("list")
    .description("list nodes with their location and last event")
    .addOption(
      new Option("--status <status>", "list only nodes with this status").choices(NODE_STATUSES),
    )
    .option("--country <code>", "list only nodes in this country (two capital letters)")
    .option("--tenant <name>", "list only nodes of this tenant")
    .option("--limit <number>", "show at most so many", wholeNumber(1, 1e6), 100)
    .option("--json", "print one JSON array", false)
    .addHelpText("after", examples("nodes list --status inactive --country GH"))
    .action(async ({ json, ...filter }: NodeFilter & { json: boolean }) => {
      const rows = await withNodeTable(({ list }) => list(filter));
      say(json ? `${JSON.stringify(rows)}\n` : `${renderNodes(rows)}\n`);
    });

export function renderNodes(rows: readonly NodeRow[]): string {
  const cells = rows.map((row) => [
    row.node_id,
    row.display_name ?? row.node_name,
    row.tenant ?? "",
    row.status,
    row.country ?? "",
    [row.city, row.region].filter(Boolean).join(", "),
    row.last_seen_at?.toISOString() ?? "never",
  ]);
  return renderTable([
    ["NODE", "NAME", "TENANT", "STATUS", "COUNTRY", "LOCATION", "LAST EVENT"],
    ...cells,
  ]);
}
