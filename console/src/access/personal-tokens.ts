import { hash, randomBytes } from "node:crypto";
import { newKeyId, readKeyIdSecret } from "@fiberstream/postgres/key-ids";
import { isSecretOf } from "@fiberstream/postgres/key-tokens";
import { type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { Refusal } from "../answers/refusal.ts";
import { createCached } from "./cached.ts";
import { PERSON_COLUMNS, type PersonRow } from "./people.ts";
import { hasPermission, PERMISSIONS, type Granted, type Role } from "./permissions.ts";
import { type Grant, type Reader, readerOf, type Rights, rightsOf } from "./reader.ts";
import { bothOf, scopeOf, type TenantScope } from "./scope.ts";

/** `fsp_<token id>_<secret>`, the secret of 32 random bytes. */
const TOKEN = /^fsp_([a-z0-9]{8,32})_([A-Za-z0-9_-]{43})$/;

/** Of one person at a time, without those that are revoked or have expired. */
const MAX_OF_USER = 50;
const TOUCH_EVERY_MS = 60_000;

/** What a token is found as. */
export type FoundToken = {
  readonly reader: Reader;
  readonly expiresAtMs: number;
  readonly isRevoked: boolean;
};

export type PersonalTokens = {
  readonly isOne: (token: string) => boolean;
  /** @returns undefined: there is no such token, or its owner is disabled */
  readonly find: (
    token: string,
    options?: { readonly isRecheck?: boolean; readonly isFresh?: boolean },
  ) => Promise<FoundToken | undefined>;
  /** This console forgets what it knows of a token, which was revoked. */
  readonly forget: (tokenId: string) => void;
};

type Known = FoundToken & {
  readonly tokenId: string;
  readonly secretSha256: Buffer;
  touchedAtMs: number;
};

/**
 * @param options.isNeverIssued recognizes invented ids by their tag
 * @param options.maxAgeMs for how long a token is used without asking the database for it
 */
export function createPersonalTokens(options: {
  pool: PgPool;
  isNeverIssued: (tokenId: string) => boolean;
  maxAgeMs: number;
}): PersonalTokens {
  const { pool, isNeverIssued, maxAgeMs } = options;

  const known = createCached<Known>({
    maxAgeMs,
    read: async (tokenId) => {
      const [row] = await query<TokenRow>(pool, READ_TOKEN, [tokenId]);
      return row === undefined ? null : knownOf(row);
    },
  });

  const touch = async (found: Known) => {
    if (performance.now() - found.touchedAtMs < TOUCH_EVERY_MS) return;
    found.touchedAtMs = performance.now();
    await query(pool, "UPDATE personal_tokens SET last_used_at = now() WHERE token_id = $1", [
      found.tokenId,
    ]);
  };

  return {
    isOne: (token) => token.startsWith("fsp_"),
    find: async (token, { isRecheck = false, isFresh = false } = {}) => {
      const [, tokenId, secret] = TOKEN.exec(token) ?? [];
      if (tokenId === undefined || secret === undefined || isNeverIssued(tokenId)) return undefined;
      const found = await known.get(tokenId, { isFresh });
      if (found === null || !isSecretOf(found.secretSha256, secret)) return undefined;
      if (!isRecheck && !found.isRevoked && found.expiresAtMs > wallNowMs()) await touch(found);
      return found;
    },
    forget: (tokenId) => known.forget((each) => each.tokenId === tokenId),
  };
}

type TokenRow = PersonRow & {
  token_id: string;
  secret_sha256: Buffer;
  role: Role;
  tenant: string;
  node_pattern: string;
  expires_at: Date;
  is_revoked: boolean;
  used_ms_ago: number | null;
};
const READ_TOKEN = `
  SELECT token_id, secret_sha256, role, tenant, node_pattern, expires_at, revoked_at IS NOT NULL AS is_revoked,
         extract(epoch FROM now() - last_used_at)::double precision * 1000 AS used_ms_ago, ${PERSON_COLUMNS}
  FROM personal_tokens JOIN users USING (user_id) WHERE token_id = $1 AND disabled_at IS NULL`;

function knownOf(row: TokenRow): Known {
  const bound: Grant = { role: row.role, tenant: row.tenant, nodes: row.node_pattern };
  return {
    tokenId: row.token_id,
    secretSha256: row.secret_sha256,
    expiresAtMs: row.expires_at.getTime(),
    isRevoked: row.is_revoked,
    touchedAtMs: performance.now() - (row.used_ms_ago ?? Infinity),
    reader: readerOf(
      {
        id: row.user_id,
        kind: "token",
        actor: { kind: "user", id: row.user_id, name: row.name, session: `token ${row.token_id}` },
        userId: row.user_id,
      },
      boundRights(row.grants, bound),
    ),
  };
}

/** Returns what both the owner's grants and the token allow. */
export function boundRights(grants: readonly Grant[], token: Grant): Rights {
  const owners = rightsOf(grants);
  const scope = scopeOf([token]);
  const rights = new Map<Granted, TenantScope>();
  for (const permission of PERMISSIONS) {
    const own = owners.get(permission);
    if (own === undefined || !hasPermission(token.role, permission)) continue;
    const both = bothOf(own, scope);
    if (both.grants.length > 0) rights.set(permission, both);
  }
  return rights;
}

/** What a new token is to be. */
export type NewToken = Grant & {
  readonly userId: string;
  readonly note: string | null;
  readonly maxAgeDays: number;
};

/**
 * Creates a token in the client's transaction.
 * @returns the token, which is shown only now: the database has its hash
 * @throws {Refusal} TOO_MANY_TOKENS
 */
export async function createToken(
  client: PgClient,
  { userId, note, role, tenant, nodes, maxAgeDays }: NewToken,
): Promise<{ token: string; tokenId: string; expiresAt: Date }> {
  const tokenId = newKeyId(await readKeyIdSecret(client));
  const secret = randomBytes(32).toString("base64url");
  // Two requests at once count one after the other.
  await query(client, "SELECT FROM users WHERE user_id = $1 FOR NO KEY UPDATE", [userId]);
  const [row] = await query<{ expires_at: Date }>(client, INSERT_TOKEN, [
    tokenId,
    hash("sha256", secret, "buffer"),
    userId,
    note,
    role,
    tenant,
    nodes,
    maxAgeDays,
    MAX_OF_USER,
  ]);
  if (row === undefined) {
    throw new Refusal(
      "TOO_MANY_TOKENS",
      `you have ${MAX_OF_USER} tokens: revoke some of them first`,
    );
  }
  return { token: `fsp_${tokenId}_${secret}`, tokenId, expiresAt: row.expires_at };
}

const INSERT_TOKEN = `
  INSERT INTO personal_tokens (token_id, secret_sha256, user_id, note, role, tenant, node_pattern, expires_at)
  SELECT $1, $2, $3, $4, $5, $6, $7, now() + $8::integer * interval '1 day'
  WHERE (SELECT count(*) FROM personal_tokens
         WHERE user_id = $3 AND revoked_at IS NULL AND expires_at > now()) < $9
  RETURNING expires_at`;
