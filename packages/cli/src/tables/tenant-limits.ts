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

export function createTenantLimits(pool: PgPool): TenantLimits {
  return {
    list: () =>
      query<TenantLimit>(
        pool,
        "SELECT tenant, rate_per_second, burst FROM tenant_limits ORDER BY tenant",
      ),
    set: async ({ tenant, rate_per_second, burst }) => {
      await query(
        pool,
        `INSERT INTO tenant_limits (tenant, rate_per_second, burst) VALUES ($1, $2, $3)
         ON CONFLICT (tenant) DO UPDATE SET rate_per_second = $2, burst = $3`,
        [tenant, rate_per_second, burst],
      );
    },
    remove: async (tenant) => {
      const removed = await query(
        pool,
        "DELETE FROM tenant_limits WHERE tenant = $1 RETURNING tenant",
        [tenant],
      );
      if (removed.length === 0) throw new Error(`the tenant ${tenant} has no limit of its own`);
    },
  };
}
