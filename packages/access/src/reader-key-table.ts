import { newKeyId, readKeyIdSecret } from "@fiberstream/postgres/key-ids";
import { type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { AccessFault } from "./access-fault.ts";
import { newSecret } from "./new-secret.ts";

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
 * @returns `token`, which is shown only once: the database has only its hash
 */
export async function createReaderKey(
  on: PgPool | PgClient,
  key: NewReaderKey,
): Promise<{ row: ReaderKeyRow; token: string }> {
  const keyId = newKeyId(await readKeyIdSecret(on));
  const { secret, sha256 } = newSecret();
  const [row] = await query<ReaderKeyRow>(
    on,
    `INSERT INTO reader_keys (key_id, secret_sha256, tenant, may_change_nodes, may_redrive, rate_per_second, burst, note,
                              expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING ${COLUMNS}`,
    [
      keyId,
      sha256,
      key.tenant,
      key.may_change_nodes,
      key.may_redrive ?? false,
      key.rate_per_second,
      key.burst,
      key.note,
      key.expires_at,
    ],
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

/**
 * Returns a reader key, which nobody else can change until the transaction ends.
 * @throws {AccessFault} missing
 */
export async function lockReaderKey(client: PgClient, keyId: string): Promise<ReaderKeyRow> {
  const [row] = await query<ReaderKeyRow>(
    client,
    `SELECT ${COLUMNS} FROM reader_keys WHERE key_id = $1 FOR UPDATE`,
    [keyId],
  );
  if (row === undefined) throw missing(keyId);
  return row;
}

/** What of a reader key can change while its secret stays. */
export type ReaderKeyChange = {
  readonly [Name in "rate_per_second" | "burst" | "note" | "expires_at"]?:
    ReaderKeyRow[Name] | undefined;
};

/** @throws {AccessFault} missing */
export const changeReaderKey = (
  on: PgPool | PgClient,
  keyId: string,
  change: ReaderKeyChange,
): Promise<ReaderKeyRow> => {
  const given = Object.entries(change).filter(([, value]) => value !== undefined);
  const sets = given.map(([name], index) => `${name} = $${index + 2}`);
  return updateReaderKey(on, keyId, [sets.join(", "), ...given.map(([, value]) => value)]);
};

/**
 * Creates a key with the permissions of an old one, which expires `keepOldSeconds` from now.
 *
 * @param client in a transaction
 * @throws {AccessFault} missing; state: the old key is revoked or has expired
 */
export async function rotateReaderKey(
  client: PgClient,
  keyId: string,
  { keepOldSeconds }: { keepOldSeconds: number },
): Promise<{ row: ReaderKeyRow; token: string }> {
  const old = await lockReaderKey(client, keyId);
  const isExpired = old.expires_at !== null && old.expires_at <= new Date();
  if (old.revoked_at !== null || isExpired) {
    const state = isExpired ? "has expired" : "is revoked";
    throw new AccessFault("state", `the reader key ${keyId} ${state}. Create a new key`);
  }
  const expiry = "expires_at = least(expires_at, now() + $2 * interval '1 second')";
  await updateReaderKey(client, keyId, [expiry, keepOldSeconds]);
  return createReaderKey(client, old);
}

/**
 * Revokes a key; one that was revoked before stays as it is.
 * @throws {AccessFault} missing
 */
export const revokeReaderKey = (on: PgPool | PgClient, keyId: string): Promise<ReaderKeyRow> =>
  updateReaderKey(on, keyId, ["revoked_at = coalesce(revoked_at, now())"]);

async function updateReaderKey(
  on: PgPool | PgClient,
  keyId: string,
  [change, ...values]: readonly [change: string, ...values: unknown[]],
): Promise<ReaderKeyRow> {
  const [row] = await query<ReaderKeyRow>(
    on,
    `UPDATE reader_keys SET ${change} WHERE key_id = $1 RETURNING ${COLUMNS}`,
    [keyId, ...values],
  );
  if (row === undefined) throw missing(keyId);
  return row;
}

const missing = (keyId: string) => new AccessFault("missing", `there is no reader key ${keyId}`);
