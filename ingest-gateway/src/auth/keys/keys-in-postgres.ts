import { type PgPool, query } from "@fiberstream/postgres/pool";
import type { ApiKey, KeyName } from "./api-key.ts";

/**
 * @returns undefined when there is no such key
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function readKeyInPostgres(pool: PgPool, name: KeyName): Promise<ApiKey | undefined> {
  const [row] = await query<Row>(pool, QUERIES[name.column], [name.value]);
  if (row === undefined) return undefined;
  return {
    keyId: row.key_id,
    secretSha256: row.secret_sha256?.toString("hex") ?? null,
    tenant: row.tenant,
    nodePattern: row.node_pattern,
    maxNodes: row.max_nodes,
    ratePerSecond: row.rate_per_second,
    burst: row.burst,
    tenantLimit:
      row.tenant_rate === null || row.tenant_burst === null
        ? null
        : { ratePerSecond: row.tenant_rate, burst: row.tenant_burst },
    requiresSignature: row.requires_signature,
    expiresAtMs: row.expires_at?.getTime() ?? null,
    isRevoked: row.is_revoked,
  };
}

type Row = {
  key_id: string;
  secret_sha256: Buffer | null;
  tenant: string;
  node_pattern: string;
  max_nodes: number;
  rate_per_second: number;
  burst: number;
  tenant_rate: number | null;
  tenant_burst: number | null;
  requires_signature: boolean;
  expires_at: Date | null;
  is_revoked: boolean;
};

// PostgreSQL's 'infinity' is not a date: it means that the key never expires, as NULL does.
const KEYS = `
  SELECT key_id, secret_sha256, tenant, node_pattern, max_nodes, api_keys.rate_per_second, api_keys.burst,
         requires_signature,
         CASE WHEN isfinite(expires_at) THEN expires_at WHEN expires_at < now() THEN 'epoch' END AS expires_at,
         revoked_at IS NOT NULL AS is_revoked,
         tenant_limits.rate_per_second AS tenant_rate, tenant_limits.burst AS tenant_burst
  FROM api_keys LEFT JOIN tenant_limits USING (tenant)`;
const QUERIES = {
  key_id: `${KEYS} WHERE key_id = $1`,
  // A subject has at most one key that is not revoked: that one is used.
  jwt_subject: `${KEYS} WHERE jwt_subject = $1 ORDER BY revoked_at DESC NULLS FIRST LIMIT 1`,
} as const;
