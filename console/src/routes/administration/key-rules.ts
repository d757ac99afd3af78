import { type PgClient, query } from "@fiberstream/postgres/pool";
import { isEverything, type TenantScope } from "../../access/scope.ts";
import { extentOf, requireCovered } from "../../administration/administers.ts";
import { Refusal } from "../../answers/refusal.ts";

/**
 * Whether the asker may make a key for nodes. Whose nodes a free pattern matches is known only to those who see all tenants: an
 * administrator of one tenant stays within the nodes that a key of the tenant has already, and gets the same answer for nodes of
 * others and for nodes of nobody.
 *
 * @throws {Refusal} NOT_ALLOWED
 */
export async function requireOwnNodes(
  client: PgClient,
  scope: TenantScope,
  { tenant, node_pattern: pattern }: { tenant: string; node_pattern: string },
): Promise<void> {
  requireCovered(scope, extentOf(tenant, pattern), "give keys");
  if (isEverything(scope)) return;
  const own = await query(
    client,
    `SELECT FROM api_keys
     WHERE tenant = $1 AND revoked_at IS NULL AND node_pattern_range(node_pattern) @> node_pattern_range($2) LIMIT 1`,
    [tenant, pattern],
  );
  if (own.length > 0) return;
  throw new Refusal(
    "NOT_ALLOWED",
    "you may give keys only for nodes that a key of the tenant has already: ask an administrator of all tenants for others",
  );
}
