import { type PgPool, query } from "@fiberstream/postgres/pool";
import type { ApiKey, KeyName } from "./api-key.ts";

/** @returns undefined when there is no such key @throws {TransientError} @throws {FatalError} */
export async function readKeyInPostgres(pool: PgPool, name: KeyName): Promise<ApiKey | undefined> {
  const [row] = await query<Row>(pool, QUERIES[name.column], [name.value]);
  if (row === undefined) return undefined;
  return {
    keyId: row.key_id,
    secretSha256: row.secret_sha256?.toString("hex") ?? null,
    tenant: row.tenant,
    nodePattern: row.node_pattern,
    ratePerSecond: row.rate_per_second,
    burst: row.burst,
    requiresSignature: row.requires_signature,
    expiresAtMs: row.expires_at?.getTime() ?? null,
    isRevoked: row.revoked_at !== null,
  };
}

type Row = {
  key_id: string;
  secret_sha256: Buffer | null;
  tenant: string;
  node_pattern: string;
  rate_per_second: number;
  burst: number;
  requires_signature: boolean;
  expires_at: Date | null;
  revoked_at: Date | null;
};

const COLUMNS =
  "key_id, secret_sha256, tenant, node_pattern, rate_per_second, burst, requires_signature, expires_at, revoked_at";
const QUERIES = {
  key_id: `SELECT ${COLUMNS} FROM api_keys WHERE key_id = $1`,
  jwt_subject: `SELECT ${COLUMNS} FROM api_keys WHERE jwt_subject = $1`,
} as const;
