/** Stands for all tenants, and for all nodes. Neither a tenant nor a node can have this name. */
export const ALL = "*";

/** Which rows may be seen: those of a tenant, and of nodes by a pattern as keys of probes have it: `accra-7`, `accra-*` or `*`. */
export type ScopeGrant = { readonly tenant: string; readonly nodes: string };

/** Whose data a question may see: what one of the grants allows. No grant: nothing. */
export type TenantScope = { readonly grants: readonly ScopeGrant[] };

export const EVERYTHING: TenantScope = { grants: [{ tenant: ALL, nodes: ALL }] };

export const NOTHING: TenantScope = { grants: [] };

/** Returns a scope, written so that scopes with equal grants are equal texts: answers are shared by them. */
export function scopeOf(grants: readonly ScopeGrant[]): TenantScope {
  if (grants.some(({ tenant, nodes }) => tenant === ALL && nodes === ALL)) return EVERYTHING;
  const named = new Map(
    grants.map(({ tenant, nodes }) => [`${tenant} ${nodes}`, { tenant, nodes }]),
  );
  return { grants: [...named].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, grant]) => grant) };
}

/** Whether it is all there is, with what belongs to no tenant. */
export const isEverything = ({ grants }: TenantScope): boolean =>
  grants.some(({ tenant, nodes }) => tenant === ALL && nodes === ALL);

/** Whether no grant is only for some nodes. */
export const isOfWholeTenants = ({ grants }: TenantScope): boolean =>
  grants.every(({ nodes }) => nodes === ALL);

/** Returns the tenants of which all nodes are seen; "all": of every tenant. */
export function wholeTenants({ grants }: TenantScope): "all" | readonly string[] {
  const whole = grants.filter(({ nodes }) => nodes === ALL).map(({ tenant }) => tenant);
  return whole.includes(ALL) ? "all" : whole;
}

/**
 * Whether a row may be seen, decided outside the database.
 * @param row.tenant null: it belongs to no tenant
 * @param row.node null: it is about no node
 */
export const sees = (
  { grants }: TenantScope,
  { tenant, node }: { tenant: string | null; node: string | null },
): boolean =>
  grants.some(
    (grant) =>
      (grant.tenant === ALL || grant.tenant === tenant) &&
      (grant.nodes === ALL || (node !== null && matchesPattern(grant.nodes, node))),
  );

/** As the function node_pattern_range of the database. */
const matchesPattern = (pattern: string, node: string): boolean =>
  pattern.endsWith(ALL) ? node.startsWith(pattern.slice(0, -1)) : node === pattern;

/** Returns what both scopes see: a token never sees more than its owner. */
export function bothOf(one: TenantScope, other: TenantScope): TenantScope {
  const common: ScopeGrant[] = [];
  for (const a of one.grants) {
    for (const b of other.grants) {
      const tenant = narrower(a.tenant, b.tenant, (all, name) => all === ALL || all === name);
      const nodes = narrower(a.nodes, b.nodes, coversPattern);
      if (tenant !== undefined && nodes !== undefined) common.push({ tenant, nodes });
    }
  }
  return scopeOf(common);
}

function narrower(a: string, b: string, covers: (wide: string, narrow: string) => boolean) {
  if (covers(a, b)) return b;
  return covers(b, a) ? a : undefined;
}

const coversPattern = (wide: string, narrow: string): boolean =>
  wide === narrow || (wide.endsWith(ALL) && narrow.startsWith(wide.slice(0, -1)));
