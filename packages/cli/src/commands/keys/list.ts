import { renderTable } from "@fiberstream/terminal/table";
import { Command } from "commander";
import { type KeyRow, withKeyTable } from "../../tables/key-table.ts";
import { say } from "@fiberstream/terminal/say";

/** `fiber keys list` */
export const keysListCommand = (): Command =>
  new Command("list")
    .description("list keys and what they may do; never their secrets")
    .option("--tenant <name>", "only those of a tenant")
    .option("--revoked", "revoked ones too", false)
    .option("--json", "as JSON, one array", false)
    .action(async (options: { tenant?: string; revoked: boolean; json: boolean }) => {
      const { revoked, json, ...filter } = options;
      const rows = await withKeyTable(({ list }) => list({ ...filter, isRevokedToo: revoked }));
      say(json ? `${JSON.stringify(rows)}\n` : `${renderKeys(rows)}\n`);
    });

/** @param now for keys that have expired by then */
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
    ["KEY", "TENANT", "NODES", "AT MOST", "EVENTS", "KIND", "STATE", "NOTE"],
    ...cells,
  ]);
}

function stateOf({ revoked_at, expires_at }: KeyRow, now: Date): string {
  if (revoked_at !== null) return `revoked ${revoked_at.toISOString()}`;
  if (expires_at === null) return "good";
  return `${expires_at <= now ? "expired" : "good until"} ${expires_at.toISOString()}`;
}
