import { randomUUID } from "node:crypto";
import { addGrant, type GrantedRole } from "@fiberstream/access/grant-table";
import { newSecret } from "@fiberstream/access/new-secret";
import { createUser } from "@fiberstream/access/user-table";
import { newKeyId, readKeyIdSecret } from "@fiberstream/postgres/key-ids";
import { inTransaction, type PgPool } from "@fiberstream/postgres/pool";
import { createSessionTokens } from "../access/session-tokens.ts";

export type TestGrant = { role: GrantedRole; tenant?: string; nodes?: string };

/** A person of a test: their id, and the headers with which they ask. */
export type TestPerson = { readonly userId: string; readonly headers: Record<string, string> };

/** Creates a local user with grants. */
export const insertUser = (
  pool: PgPool,
  { name = `user-${randomUUID()}`, grants }: { name?: string; grants: readonly TestGrant[] },
): Promise<string> =>
  inTransaction(pool, async (client) => {
    const { user_id: userId } = await createUser(client, name);
    for (const { role, tenant = "*", nodes = "*" } of grants) {
      await addGrant(client, { user_id: userId, role, tenant, node_pattern: nodes });
    }
    return userId;
  });

/** Signs a user in, as a browser on the console's own page. */
export async function signIn(pool: PgPool, userId: string, origin: string): Promise<TestPerson> {
  const { token, sha256 } = createSessionTokens(await readKeyIdSecret(pool)).make();
  await pool.query(
    "INSERT INTO sessions (session_sha256, user_id, method, expires_at) VALUES ($1, $2, 'link', now() + interval '1 hour')",
    [sha256, userId],
  );
  return { userId, headers: { cookie: `fiberstream=${token}`, origin } };
}

/** Gives a user a personal token. */
export async function tokenOf(
  pool: PgPool,
  userId: string,
  { role, tenant = "*", nodes = "*" }: TestGrant,
): Promise<TestPerson> {
  const id = newKeyId(await readKeyIdSecret(pool));
  const { secret, sha256 } = newSecret();
  await pool.query(
    `INSERT INTO personal_tokens (token_id, secret_sha256, user_id, role, tenant, node_pattern, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, now() + interval '1 hour')`,
    [id, sha256, userId, role, tenant, nodes],
  );
  return { userId, headers: { authorization: `Bearer fsp_${id}_${secret}` } };
}

/** Creates a user with grants who asks by a personal token. */
export async function person(pool: PgPool, ...grants: TestGrant[]): Promise<TestPerson> {
  const userId = await insertUser(pool, { grants });
  const [first] = grants;
  return tokenOf(pool, userId, { role: first?.role ?? "viewer" });
}

/** A request with a JSON body. */
export const sending = (method: string, body: unknown, headers: Record<string, string> = {}) => ({
  method,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});
