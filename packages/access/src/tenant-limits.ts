import { type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { AccessFault } from "./access-fault.ts";

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
   * @throws {AccessFault} missing: the tenant has no limit
   */
  remove: (tenant: string) => Promise<void>;
};

export function createTenantLimits(on: PgPool | PgClient): TenantLimits {
  return {
    list: () =>
      query<TenantLimit>(
        on,
        "SELECT tenant, rate_per_second, burst FROM tenant_limits ORDER BY tenant",
      ),
    set: async ({ tenant, rate_per_second, burst }) => {
      await query(
        on,
        `INSERT INTO tenant_limits (tenant, rate_per_second, burst) VALUES ($1, $2, $3)
         ON CONFLICT (tenant) DO UPDATE SET rate_per_second = $2, burst = $3`,
        [tenant, rate_per_second, burst],
      );
    },
    remove: async (tenant) => {
      const removed = await query(
        on,
        "DELETE FROM tenant_limits WHERE tenant = $1 RETURNING tenant",
        [tenant],
      );
      if (removed.length === 0) {
        throw new AccessFault("missing", `the tenant ${tenant} has no limit of its own`);
      }
    },
  };
}
