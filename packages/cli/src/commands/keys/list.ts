import type { KeyRow } from "@fiberstream/access/key-table";
import { renderTable } from "@fiberstream/terminal/table";
import { Command } from "commander";
import { withKeyTable } from "../../tables/with-key-table.ts";
import { say } from "@fiberstream/terminal/say";
import { examples } from "../../options/examples.ts";

/** `fiber keys list` */
export const keysListCommand = (): Command =>
  new Command("list")
    .description("list API keys and their permissions, without their secrets")
    .option("--tenant <name>", "list only keys of this tenant")
    .option("--revoked", "list revoked keys too", false)
    .option("--json", "print one JSON array", false)
    .addHelpText("after", examples("keys list --tenant acme --revoked"))
    .action(async (options: { tenant?: string; revoked: boolean; json: boolean }) => {
      const { revoked, json, ...filter } = options;
      const rows = await withKeyTable(({ list }) => list({ ...filter, isRevokedToo: revoked }));
      say(json ? `${JSON.stringify(rows)}\n` : `${renderKeys(rows)}\n`);
    });

/** @param now time that decides which keys have expired */
export function renderKeys(rows: readonly KeyRow[], now = new Date()): string {
  const cells = rows.map((row) => [
    row.key_id,
    row.tenant,
    row.node_pattern,
    row.node_pattern.endsWith("*") ? String(row.max_nodes) : "1",
    `${row.rate_per_second}/s, ${row.burst} at once`,
    row.jwt_subject === null ? (row.requires_signature ? "secret, signed" : "secret") : "JWT",
    stateOf(row, now),
    row.note ?? "",
  ]);
  return renderTable([
    ["KEY", "TENANT", "NODES", "MAX NODES", "EVENTS", "KIND", "STATE", "NOTE"],
    ...cells,
  ]);
}

function stateOf({ revoked_at, expires_at }: KeyRow, now: Date): string {
  if (revoked_at !== null) return `revoked ${revoked_at.toISOString()}`;
  if (expires_at === null) return "good";
  return `${expires_at <= now ? "expired" : "valid until"} ${expires_at.toISOString()}`;
}
