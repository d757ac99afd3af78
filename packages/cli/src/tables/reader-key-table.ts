import { createHash, randomBytes } from "node:crypto";
import type { Actor } from "@fiberstream/postgres/acting";
import { attemptAs } from "@fiberstream/postgres/attempts";
import { newKeyId, readKeyIdSecret } from "@fiberstream/postgres/key-ids";
import { operator } from "@fiberstream/postgres/operator";
import { type PgPool, query } from "@fiberstream/postgres/pool";

/** A row of `reader_keys`, without the hash of the secret. */
export type ReaderKeyRow = {
  readonly key_id: string;
  /** Null: all tenants. */
  readonly tenant: string | null;
  readonly may_change_nodes: boolean;
  readonly may_redrive: boolean;
  readonly rate_per_second: number | null;
  readonly burst: number | null;
  readonly note: string | null;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
};

export type NewReaderKey = Omit<
  ReaderKeyRow,
  "key_id" | "may_redrive" | "created_at" | "revoked_at"
> & {
  /** Default: false. */
  readonly may_redrive?: boolean;
};

// JavaScript has no infinite date: infinity means never, as null does.
const COLUMNS = `
  key_id, tenant, may_change_nodes, may_redrive, rate_per_second, burst, note, created_at,
  CASE WHEN isfinite(expires_at) THEN expires_at WHEN expires_at < now() THEN 'epoch' END AS expires_at,
  revoked_at`;

/**
 * Creates a key.
 * @param actor who creates it, for the audit log
 * @returns `token`, which is shown only once: the database has only its hash
 */
export async function createReaderKey(
  pool: PgPool,
  key: NewReaderKey,
  actor: Actor = operator(),
): Promise<{ row: ReaderKeyRow; token: string }> {
  const keyId = newKeyId(await readKeyIdSecret(pool));
  // 256 random bits cannot be guessed, so a fast hash is enough.
  const secret = randomBytes(32).toString("base64url");
  const attempt = { action: "reader_key.created", objectKind: "reader_key", object: keyId };
  const [row] = await attemptAs(pool, actor, { ...attempt, ...ofTenant(key) }, (client) =>
    query<ReaderKeyRow>(
      client,
      `INSERT INTO reader_keys (key_id, secret_sha256, tenant, may_change_nodes, may_redrive, rate_per_second, burst, note,
                              expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING ${COLUMNS}`,
      [
        keyId,
        createHash("sha256").update(secret).digest(),
        key.tenant,
        key.may_change_nodes,
        key.may_redrive ?? false,
        key.rate_per_second,
        key.burst,
        key.note,
        key.expires_at,
      ],
    ),
  );
  if (row === undefined) throw new Error("the database has returned no key");
  return { row, token: `fs_${keyId}_${secret}` };
}

export const listReaderKeys = (
  pool: PgPool,
  { isRevokedToo }: { isRevokedToo: boolean },
): Promise<ReaderKeyRow[]> =>
  query<ReaderKeyRow>(
    pool,
    `SELECT ${COLUMNS} FROM reader_keys WHERE $1 OR revoked_at IS NULL ORDER BY created_at`,
    [isRevokedToo],
  );

const ofTenant = ({ tenant }: Pick<NewReaderKey, "tenant">) => (tenant === null ? {} : { tenant });

/**
 * @param actor who revokes it, for the audit log
 * @throws {Error} when the key does not exist
 */
export function revokeReaderKey(
  pool: PgPool,
  keyId: string,
  actor: Actor = operator(),
): Promise<ReaderKeyRow> {
  const attempt = { action: "reader_key.revoked", objectKind: "reader_key", object: keyId };
  return attemptAs(pool, actor, attempt, async (client) => {
    const [row] = await query<ReaderKeyRow>(
      client,
      `UPDATE reader_keys SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = $1 RETURNING ${COLUMNS}`,
      [keyId],
    );
    if (row === undefined) throw new Error(`there is no reader key ${keyId}`);
    return row;
  });
}
