import { ALL, bothOf, isEverything, type ScopeGrant, type TenantScope } from "../access/scope.ts";
import { Refusal } from "../answers/refusal.ts";

/** What something is about, as a grant says it: `*` for all tenants, or all nodes. */
export type Extent = ScopeGrant;

/** Returns the extent of a row whose columns have null for all. */
export const extentOf = (tenant: string | null, nodes: string | null = null): Extent => ({
  tenant: tenant ?? ALL,
  nodes: nodes ?? ALL,
});

/** Whether one of the grants covers all of an extent. */
export const covers = (scope: TenantScope, { tenant, nodes }: Extent): boolean =>
  bothOf({ grants: [{ tenant, nodes }] }, scope).grants.some(
    (common) => common.tenant === tenant && common.nodes === nodes,
  );

/**
 * For what the asker names in their request, so that the answer says nothing about what there is.
 * @throws {Refusal} NOT_ALLOWED
 */
export function requireCovered(scope: TenantScope, extent: Extent, what: string): void {
  if (covers(scope, extent)) return;
  throw new Refusal("NOT_ALLOWED", `you may not ${what} beyond your own grants`);
}

/** @throws {Refusal} NOT_ALLOWED */
export function requireEverything(scope: TenantScope, what: string): void {
  if (isEverything(scope)) return;
  throw new Refusal("NOT_ALLOWED", `${what} is for administrators of all tenants and nodes`);
}
