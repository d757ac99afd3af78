import { z } from "zod";
import { isoText } from "../../questions/statement.ts";
import type { TableColumns } from "../../questions/table-columns.ts";

const iso = z.string().nullable();
const text = z.string().nullable();

/** A node, as all routes answer it. */
export const nodeSchema = z.object({
  node_id: z.string(),
  node_name: z.string().describe("Name given at registration."),
  display_name: text.describe("Name given by an operator."),
  status: z.enum(["registered", "reporting", "inactive", "deleted"]),
  tenant: text.optional().describe("Whose probe it is; left out while the database does not know."),
  country: text.describe("ISO 3166-1 alpha-2."),
  region: text,
  city: text,
  lat: z.number().nullable().describe("Degrees north, WGS 84."),
  lng: z.number().nullable().describe("Degrees east, WGS 84."),
  tags: z.record(z.string(), z.string()),
  probe_version: text,
  created_at: z.string(),
  updated_at: z.string(),
  last_seen_at: iso.describe("When one of its events was last received, to about 10 s."),
  silent_since: iso.describe("Since when nothing has come, if that is why it is inactive."),
  revision: z.number().int().describe("Counts its changes; PATCH needs it in If-Match."),
});
export type Node = z.output<typeof nodeSchema>;

const TIMES = new Set(["created_at", "updated_at", "last_seen_at", "silent_since"]);

/** Returns the SQL expressions of a node's fields, of those that the table has. */
export const nodeFields = (columns: TableColumns): string =>
  Object.keys(nodeSchema.shape)
    .filter((name) => columns.has(name))
    .map((name) => {
      if (TIMES.has(name)) return `${isoText(`nodes.${name}`)} AS ${name}`;
      return name === "revision" ? "nodes.revision::float8 AS revision" : `nodes.${name}`;
    })
    .join(", ");

/**
 * Returns the condition that an event of a node, of the FROM item `latest`, is one of its present tenant: a node that was moved to
 * another tenant does not take along what it measured before.
 */
export const isOfNodesTenant = (columns: TableColumns): string =>
  `latest.tenant = coalesce(${tenantOfNode(columns)}, latest.tenant)`;

/** Returns the expression for a node's tenant: only readers of all tenants can ask while the table has none. */
export const tenantOfNode = (columns: TableColumns): string =>
  columns.has("tenant") ? "nodes.tenant" : "NULL";
