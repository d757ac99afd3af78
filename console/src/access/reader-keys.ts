import { LRUCache } from "lru-cache";
import { type PgPool, query } from "@fiberstream/postgres/pool";
import { permissionsOfKey, type Reader, readerOf, rightsIn } from "./reader.ts";
import { ALL, scopeOf } from "./scope.ts";

/** A key of the table `reader_keys`. */
export type ReaderKey = {
  readonly reader: Reader;
  readonly secretSha256: Buffer;
  readonly expiresAtMs: number | null;
  readonly isRevoked: boolean;
};

/**
 * @returns null if there is no such key
 * @throws {TransientError} while the database is unavailable
 */
export type LookUpReader = (keyId: string) => Promise<ReaderKey | null>;

/** Maximum of keys in memory, and of ids without a key. */
const MAX_KEYS = 10_000;

/**
 * Looks keys up in memory, then in PostgreSQL. Concurrent look-ups of one key are one. An id that was certainly never
 * issued is not looked up.
 *
 * @param options.isNeverIssued recognizes invented ids by their tag
 */
export function createReaderLookup(options: {
  readKey: LookUpReader;
  isNeverIssued: (keyId: string) => boolean;
  maxAgeMs: number;
}): LookUpReader {
  const { readKey, isNeverIssued, maxAgeMs } = options;
  const known = new LRUCache<string, Promise<ReaderKey | null>>({
    max: MAX_KEYS,
    ttl: Math.max(1, maxAgeMs),
  });
  return (keyId) => {
    if (isNeverIssued(keyId)) return Promise.resolve(null);
    const cached = known.get(keyId);
    if (cached !== undefined) return cached;
    const reading = readKey(keyId);
    known.set(keyId, reading);
    reading.catch(() => known.delete(keyId));
    return reading;
  };
}

type Row = {
  key_id: string;
  secret_sha256: Buffer;
  tenant: string | null;
  may_change_nodes: boolean;
  may_redrive: boolean;
  rate_per_second: number | null;
  burst: number | null;
  expires_at: Date | null;
  is_revoked: boolean;
};

/** Reads a key from the database. */
export const createReadKey =
  (pool: PgPool): LookUpReader =>
  async (keyId) => {
    const [row] = await query<Row>(pool, READ_KEY, [keyId]);
    if (row === undefined) return null;
    const { rate_per_second: ratePerSecond, burst } = row;
    const permissions = permissionsOfKey({
      changeNodes: row.may_change_nodes,
      redrive: row.may_redrive,
    });
    return {
      reader: readerOf(
        {
          id: row.key_id,
          kind: "key",
          actor: { kind: "key", id: row.key_id },
          ...(ratePerSecond !== null && burst !== null && { limit: { ratePerSecond, burst } }),
        },
        rightsIn(scopeOf([{ tenant: row.tenant ?? ALL, nodes: ALL }]), permissions),
      ),
      secretSha256: row.secret_sha256,
      expiresAtMs: row.expires_at?.getTime() ?? null,
      isRevoked: row.is_revoked,
    };
  };

// PostgreSQL's 'infinity' is not a date: it means that the key never expires, as NULL does.
const READ_KEY = `
  SELECT key_id, secret_sha256, tenant, may_change_nodes, may_redrive, rate_per_second, burst,
         CASE WHEN isfinite(expires_at) THEN expires_at WHEN expires_at < now() THEN 'epoch' END AS expires_at,
         revoked_at IS NOT NULL AS is_revoked
  FROM reader_keys WHERE key_id = $1`;
