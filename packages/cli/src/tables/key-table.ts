import { createHash, randomBytes } from "node:crypto";
import type { Actor } from "@fiberstream/postgres/acting";
import { type Attempt, attemptAs } from "@fiberstream/postgres/attempts";
import { newKeyId, readKeyIdSecret } from "@fiberstream/postgres/key-ids";
import { operator } from "@fiberstream/postgres/operator";
import { type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { sqlStateOf } from "@fiberstream/postgres/postgres-errors";
import { withPool } from "./with-pool.ts";

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

export type KeyTable = {
  /** @throws {Error} when the pattern matches nodes of another tenant, or the subject has a key already */
  create: (key: NewKey) => Promise<CreatedKey>;
  list: (filter: { tenant?: string; isRevokedToo: boolean }) => Promise<KeyRow[]>;
  /**
   * Creates a key with the permissions of an old one. The old one expires `keepOldSeconds` from now; the new one
   * `expiresInSeconds` from now, by default when the old one would have expired.
   * @throws {Error} when the old key is missing, revoked, expired, or has no secret
   */
  rotate: (
    keyId: string,
    options: { keepOldSeconds: number; expiresInSeconds?: number | undefined },
  ) => Promise<CreatedKey>;
  /** @throws {Error} when the key does not exist */
  setMaxNodes: (keyId: string, maxNodes: number) => Promise<KeyRow>;
  /** @throws {Error} when the key does not exist */
  revoke: (keyId: string) => Promise<KeyRow>;
};

/** Runs `work` with the table in the database at DATABASE_URL. */
export async function withKeyTable<T>(work: (table: KeyTable) => Promise<T>): Promise<T> {
  return withPool((pool) => work(createKeyTable(pool)));
}

// JavaScript has no infinite date: infinity means never, as null does.
const COLUMNS = `
  key_id, jwt_subject, tenant, node_pattern, rate_per_second, burst, max_nodes, requires_signature, note, created_at,
  CASE WHEN isfinite(expires_at) THEN expires_at WHEN expires_at < now() THEN 'epoch' END AS expires_at,
  revoked_at`;

/** @param actor who changes keys, for the audit log */
export function createKeyTable(pool: PgPool, actor: Actor = operator()): KeyTable {
  const attempting = <T>(
    attempt: Pick<Attempt, "action" | "object" | "tenant">,
    work: (client: PgClient) => Promise<T>,
  ) => attemptAs(pool, actor, { ...attempt, objectKind: "key" }, work);

  return {
    create: (key) =>
      attempting(
        { action: "key.created", object: key.node_pattern, tenant: key.tenant },
        (client) => insertKey(client, key),
      ),
    list: ({ tenant, isRevokedToo }) =>
      query<KeyRow>(
        pool,
        `SELECT ${COLUMNS} FROM api_keys
         WHERE ($1::text IS NULL OR tenant = $1) AND ($2 OR revoked_at IS NULL)
         ORDER BY tenant, created_at`,
        [tenant ?? null, isRevokedToo],
      ),
    rotate: (keyId, { keepOldSeconds, expiresInSeconds }) =>
      attempting({ action: "key.rotated", object: keyId }, async (client) => {
        // The old key is closed before the new one is created, because their nodes must not overlap; both in one transaction.
        const [old] = await query<KeyRow>(
          client,
          `SELECT ${COLUMNS} FROM api_keys WHERE key_id = $1 FOR UPDATE`,
          [keyId],
        );
        if (old === undefined) throw new Error(`there is no key ${keyId}`);
        if (old.revoked_at !== null)
          throw new Error(`the key ${keyId} is revoked. Create a new key`);
        if (old.jwt_subject !== null) {
          throw new Error(
            `the key ${keyId} has no secret: it is for JWTs, whose issuer rotates the signing keys`,
          );
        }
        if (old.expires_at !== null && old.expires_at <= new Date()) {
          throw new Error(`the key ${keyId} has expired. Create a new key`);
        }
        await query(
          client,
          `UPDATE api_keys
           SET expires_at = least(expires_at, now() + $2 * interval '1 second') WHERE key_id = $1`,
          [keyId, keepOldSeconds],
        );
        return insertKey(client, {
          ...old,
          ...(expiresInSeconds !== undefined && {
            expires_at: new Date(Date.now() + expiresInSeconds * 1_000),
          }),
        });
      }),
    setMaxNodes: (keyId, maxNodes) =>
      attempting({ action: "key.changed", object: keyId }, (client) =>
        updateKey(client, keyId, ["max_nodes = $2", maxNodes]),
      ),
    revoke: (keyId) =>
      attempting({ action: "key.revoked", object: keyId }, (client) =>
        updateKey(client, keyId, ["revoked_at = coalesce(revoked_at, now())"]),
      ),
  };
}

async function updateKey(
  client: PgClient,
  keyId: string,
  [change, ...values]: readonly [change: string, ...values: number[]],
): Promise<KeyRow> {
  const [row] = await query<KeyRow>(
    client,
    `UPDATE api_keys SET ${change} WHERE key_id = $1 RETURNING ${COLUMNS}`,
    [keyId, ...values],
  );
  if (row === undefined) throw new Error(`there is no key ${keyId}`);
  return row;
}

/** Enough for the probes of a region. A key without a limit could fill the table of nodes. */
const MAX_NODES = 10_000;

async function insertKey(on: PgClient, key: NewKey): Promise<CreatedKey> {
  const keyId = newKeyId(await readKeyIdSecret(on));
  // 256 random bits cannot be guessed, so a fast hash is enough.
  const secret = key.jwt_subject === null ? randomBytes(32).toString("base64url") : undefined;
  try {
    const [row] = await query<KeyRow>(
      on,
      `INSERT INTO api_keys (key_id, secret_sha256, jwt_subject, tenant, node_pattern,
                             rate_per_second, burst, requires_signature, note, expires_at, max_nodes)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, coalesce($11, ${MAX_NODES})) RETURNING ${COLUMNS}`,
      [
        keyId,
        secret === undefined ? null : createHash("sha256").update(secret).digest(),
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
    return { row, token: secret === undefined ? undefined : `fs_${keyId}_${secret}` };
  } catch (error) {
    throw explained(error, key);
  }
}

/** Returns an error that explains a violated constraint to the user. */
function explained(error: unknown, { node_pattern, jwt_subject }: NewKey): unknown {
  const state = sqlStateOf(error);
  if (state === EXCLUSION_VIOLATION) {
    return new Error(
      `${node_pattern} matches nodes of another tenant, and a node belongs to only one tenant. See \`fiber keys list\`. If the nodes moved to this tenant, revoke the other tenant's key first`,
      { cause: error },
    );
  }
  if (state === UNIQUE_VIOLATION) {
    return new Error(
      `the JWT subject ${jwt_subject ?? ""} already has a key. Revoke that key first`,
      {
        cause: error,
      },
    );
  }
  return error;
}

const EXCLUSION_VIOLATION = "23P01";
const UNIQUE_VIOLATION = "23505";
