import type { Actor } from "@fiberstream/postgres/acting";
import { attemptAs } from "@fiberstream/postgres/attempts";
import { operator } from "@fiberstream/postgres/operator";
import { type PgPool, query } from "@fiberstream/postgres/pool";

/** A row of `tenant_limits`: the rate limit that all keys of a tenant share. */
export type TenantLimit = {
  readonly tenant: string;
  readonly rate_per_second: number;
  readonly burst: number;
};

export type TenantLimits = {
  list: () => Promise<TenantLimit[]>;
  /** Sets or changes a tenant's limit. */
  set: (limit: TenantLimit) => Promise<void>;
  /**
   * Removes a tenant's limit; those of its keys remain.
   * @throws {Error} when the tenant has no limit
   */
  remove: (tenant: string) => Promise<void>;
};

/** @param actor who changes limits, for the audit log */
export function createTenantLimits(pool: PgPool, actor: Actor = operator()): TenantLimits {
  const attempt = (action: string, tenant: string, after?: object) => ({
    action: `tenant_limit.${action}`,
    objectKind: "tenant_limit",
    object: tenant,
    tenant,
    after: after && { ...after },
  });
  return {
    list: () =>
      query<TenantLimit>(
        pool,
        "SELECT tenant, rate_per_second, burst FROM tenant_limits ORDER BY tenant",
      ),
    set: async (limit) => {
      const { tenant, rate_per_second, burst } = limit;
      await attemptAs(pool, actor, attempt("changed", tenant, limit), (client) =>
        query(
          client,
          `INSERT INTO tenant_limits (tenant, rate_per_second, burst) VALUES ($1, $2, $3)
         ON CONFLICT (tenant) DO UPDATE SET rate_per_second = $2, burst = $3`,
          [tenant, rate_per_second, burst],
        ),
      );
    },
    remove: (tenant) =>
      attemptAs(pool, actor, attempt("deleted", tenant), async (client) => {
        const removed = await query(
          client,
          "DELETE FROM tenant_limits WHERE tenant = $1 RETURNING tenant",
          [tenant],
        );
        if (removed.length === 0) throw new Error(`the tenant ${tenant} has no limit of its own`);
      }),
  };
}
