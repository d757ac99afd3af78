import { newKeyId, readKeyIdSecret } from "@fiberstream/postgres/key-ids";
import { inTransaction, type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { sqlStateOf } from "@fiberstream/postgres/postgres-errors";
import { AccessFault } from "./access-fault.ts";
import { newSecret } from "./new-secret.ts";

/** A row of `api_keys`, without the hash of the secret. */
export type KeyRow = {
  readonly key_id: string;
  readonly jwt_subject: string | null;
  readonly tenant: string;
  readonly node_pattern: string;
  readonly rate_per_second: number;
  readonly burst: number;
  readonly max_nodes: number;
  readonly requires_signature: boolean;
  readonly note: string | null;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
};

/** Without max_nodes the key gets the default. */
export type NewKey = Omit<KeyRow, "key_id" | "max_nodes" | "created_at" | "revoked_at"> &
  Partial<Pick<KeyRow, "max_nodes">>;

/** `token` is shown only once: the database has only its hash. Undefined for keys of JWTs. */
export type CreatedKey = { readonly row: KeyRow; readonly token: string | undefined };

/** What of a key can change while its secret stays. */
export type KeyChange = {
  readonly [
    Name in "node_pattern" | "rate_per_second" | "burst" | "max_nodes" | "note" | "expires_at"
  ]?: KeyRow[Name] | undefined;
};

/** How long keys last around a rotation. */
export type Rotation = {
  readonly keepOldSeconds: number;
  /** Default: the new key expires when the old one would have. */
  readonly expiresInSeconds?: number | undefined;
};

// JavaScript has no infinite date: infinity means never, as null does.
const COLUMNS = `
  key_id, jwt_subject, tenant, node_pattern, rate_per_second, burst, max_nodes, requires_signature, note, created_at,
  CASE WHEN isfinite(expires_at) THEN expires_at WHEN expires_at < now() THEN 'epoch' END AS expires_at,
  revoked_at`;

/** Returns the keys of a tenant, or of all. */
export const listKeys = (
  on: PgPool | PgClient,
  { tenant, isRevokedToo }: { tenant?: string; isRevokedToo: boolean },
): Promise<KeyRow[]> =>
  query<KeyRow>(
    on,
    `SELECT ${COLUMNS} FROM api_keys
     WHERE ($1::text IS NULL OR tenant = $1) AND ($2 OR revoked_at IS NULL)
     ORDER BY tenant, created_at`,
    [tenant ?? null, isRevokedToo],
  );

/**
 * Returns a key, which nobody else can change until the transaction ends.
 * @throws {AccessFault} missing
 */
export async function lockKey(client: PgClient, keyId: string): Promise<KeyRow> {
  const [row] = await query<KeyRow>(
    client,
    `SELECT ${COLUMNS} FROM api_keys WHERE key_id = $1 FOR UPDATE`,
    [keyId],
  );
  if (row === undefined) throw missing(keyId);
  return row;
}

/**
 * Creates a key with the permissions of an old one. The old one expires `keepOldSeconds` from now.
 *
 * @param client in a transaction
 * @throws {AccessFault} missing, state: the old key is revoked, expired, or has no secret
 */
export async function rotateKey(
  client: PgClient,
  keyId: string,
  { keepOldSeconds, expiresInSeconds }: Rotation,
): Promise<CreatedKey> {
  const old = await lockKey(client, keyId);
  if (old.revoked_at !== null) {
    throw new AccessFault("state", `the key ${keyId} is revoked. Create a new key`);
  }
  if (old.jwt_subject !== null) {
    throw new AccessFault(
      "state",
      `the key ${keyId} has no secret: it is for JWTs, whose issuer rotates the signing keys`,
    );
  }
  if (old.expires_at !== null && old.expires_at <= new Date()) {
    throw new AccessFault("state", `the key ${keyId} has expired. Create a new key`);
  }
  // The old key is closed before the new one is created, because their nodes must not overlap; both in one transaction.
  await query(
    client,
    `UPDATE api_keys
     SET expires_at = least(expires_at, now() + $2 * interval '1 second') WHERE key_id = $1`,
    [keyId, keepOldSeconds],
  );
  return createKey(client, {
    ...old,
    ...(expiresInSeconds !== undefined && {
      expires_at: new Date(Date.now() + expiresInSeconds * 1_000),
    }),
  });
}

/**
 * Changes some columns of a key; its secret stays. All gateways know it within 30 s.
 * @throws {AccessFault} missing, nodes-of-another-tenant
 */
export async function changeKey(
  on: PgPool | PgClient,
  keyId: string,
  change: KeyChange,
): Promise<KeyRow> {
  const given = Object.entries(change).filter(([, value]) => value !== undefined);
  const sets = given.map(([name], index) => `${name} = $${index + 2}`);
  const values = given.map(([, value]) => value);
  try {
    return await updateKey(on, keyId, [sets.join(", "), ...values]);
  } catch (error) {
    throw explained(error, change);
  }
}

/**
 * Revokes a key; one that was revoked before stays as it is.
 * @throws {AccessFault} missing
 */
export const revokeKey = (on: PgPool | PgClient, keyId: string): Promise<KeyRow> =>
  updateKey(on, keyId, ["revoked_at = coalesce(revoked_at, now())"]);

async function updateKey(
  on: PgPool | PgClient,
  keyId: string,
  [change, ...values]: readonly [change: string, ...values: unknown[]],
): Promise<KeyRow> {
  const [row] = await query<KeyRow>(
    on,
    `UPDATE api_keys SET ${change} WHERE key_id = $1 RETURNING ${COLUMNS}`,
    [keyId, ...values],
  );
  if (row === undefined) throw missing(keyId);
  return row;
}

const missing = (keyId: string) => new AccessFault("missing", `there is no key ${keyId}`);

/** Enough for the probes of a region. A key without a limit could fill the table of nodes. */
const MAX_NODES = 10_000;

/**
 * Creates a key. Its token is shown only once.
 * @throws {AccessFault} nodes-of-another-tenant; taken: the JWT subject has a key already
 */
export async function createKey(on: PgPool | PgClient, key: NewKey): Promise<CreatedKey> {
  const keyId = newKeyId(await readKeyIdSecret(on));
  const made = key.jwt_subject === null ? newSecret() : undefined;
  try {
    const [row] = await query<KeyRow>(
      on,
      `INSERT INTO api_keys (key_id, secret_sha256, jwt_subject, tenant, node_pattern,
                             rate_per_second, burst, requires_signature, note, expires_at, max_nodes)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, coalesce($11, ${MAX_NODES})) RETURNING ${COLUMNS}`,
      [
        keyId,
        made?.sha256 ?? null,
        key.jwt_subject,
        key.tenant,
        key.node_pattern,
        key.rate_per_second,
        key.burst,
        key.requires_signature,
        key.note,
        key.expires_at,
        key.max_nodes ?? null,
      ],
    );
    if (row === undefined) throw new Error("the database has returned no key");
    return { row, token: made && `fs_${keyId}_${made.secret}` };
  } catch (error) {
    throw explained(error, key);
  }
}

/** Returns an error that explains a violated constraint to the user. */
function explained(
  error: unknown,
  { node_pattern = "it", jwt_subject }: KeyChange & { jwt_subject?: string | null },
): unknown {
  const state = sqlStateOf(error);
  if (state === EXCLUSION_VIOLATION) {
    return new AccessFault(
      "nodes-of-another-tenant",
      `${node_pattern} matches nodes of another tenant, and a node belongs to only one tenant. See \`fiber keys list\`. If the nodes moved to this tenant, revoke the other tenant's key first`,
      { cause: error },
    );
  }
  if (state === UNIQUE_VIOLATION) {
    return new AccessFault(
      "taken",
      `the JWT subject ${jwt_subject ?? ""} already has a key. Revoke that key first`,
      { cause: error },
    );
  }
  return error;
}

const EXCLUSION_VIOLATION = "23P01";
const UNIQUE_VIOLATION = "23505";

/** The same on a pool, for commands: each call is a transaction of its own. */
export const createKeyTable = (pool: PgPool) => ({
  create: (key: NewKey) => createKey(pool, key),
  list: (filter: Parameters<typeof listKeys>[1]) => listKeys(pool, filter),
  rotate: (keyId: string, rotation: Rotation) =>
    inTransaction(pool, (client) => rotateKey(client, keyId, rotation)),
  setMaxNodes: (keyId: string, maxNodes: number) => changeKey(pool, keyId, { max_nodes: maxNodes }),
  revoke: (keyId: string) => revokeKey(pool, keyId),
});
export type KeyTable = ReturnType<typeof createKeyTable>;
