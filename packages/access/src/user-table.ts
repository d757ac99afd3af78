import { type PgClient, query } from "@fiberstream/postgres/pool";
import { sqlStateOf, UNIQUE_VIOLATION } from "@fiberstream/postgres/postgres-errors";
import { AccessFault } from "./access-fault.ts";
import { newSecret } from "./new-secret.ts";

/** A row of `users`, without what signs in. */
export type UserRow = {
  readonly user_id: string;
  readonly kind: "local" | "oidc";
  readonly name: string;
  readonly created_at: Date;
  readonly last_signed_in_at: Date | null;
  readonly disabled_at: Date | null;
};

const COLUMNS = "user_id, kind, name, created_at, last_signed_in_at, disabled_at";

/** As the table has it: what a local user signs in with. */
export const USER_NAME = /^[A-Za-z0-9._@+-]{1,100}$/;

/**
 * Creates a local user, who has no password yet: a one-time link signs them in.
 * @throws {AccessFault} taken
 */
export async function createUser(client: PgClient, name: string): Promise<UserRow> {
  try {
    const [row] = await query<UserRow>(
      client,
      `INSERT INTO users (kind, name) VALUES ('local', $1) RETURNING ${COLUMNS}`,
      [name],
    );
    if (row === undefined) throw new Error("the database has returned no user");
    return row;
  } catch (error) {
    throw explained(error);
  }
}

export const listUsers = (client: PgClient): Promise<UserRow[]> =>
  query<UserRow>(client, `SELECT ${COLUMNS} FROM users ORDER BY lower(name), user_id LIMIT 10000`);

/**
 * Returns a user, whom nobody else can change until the transaction ends.
 * @throws {AccessFault} missing
 */
const lockUser = (client: PgClient, userId: string): Promise<UserRow> =>
  only(
    query<UserRow>(client, `SELECT ${COLUMNS} FROM users WHERE user_id = $1 FOR UPDATE`, [userId]),
  );

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The same by the id of a user, or the name of a local one in any case.
 * @throws {AccessFault} missing
 */
export async function lockUserCalled(client: PgClient, called: string): Promise<UserRow> {
  if (ID.test(called)) return lockUser(client, called);
  const [row] = await query<UserRow>(
    client,
    `SELECT ${COLUMNS} FROM users WHERE kind = 'local' AND lower(name) = lower($1) FOR UPDATE`,
    [called],
  );
  if (row !== undefined) return row;
  // Without the name: a message becomes the reason of an entry in the audit log, which has no names of people.
  throw new AccessFault("missing", "there is no local user of this name");
}

/** @throws {AccessFault} taken; state: an identity provider names the user */
export async function renameUser(client: PgClient, user: UserRow, name: string): Promise<UserRow> {
  if (user.kind !== "local") {
    throw new AccessFault("state", "the identity provider says what this user is called");
  }
  try {
    return await only(
      query<UserRow>(client, `UPDATE users SET name = $2 WHERE user_id = $1 RETURNING ${COLUMNS}`, [
        user.user_id,
        name,
      ]),
    );
  } catch (error) {
    throw explained(error);
  }
}

/** Disables a user, whose sessions end and whose tokens no longer work, or enables them again. */
export async function setDisabled(
  client: PgClient,
  userId: string,
  isDisabled: boolean,
): Promise<UserRow> {
  const since = isDisabled ? "coalesce(disabled_at, now())" : "NULL";
  const changed = await only(
    query<UserRow>(
      client,
      `UPDATE users SET disabled_at = ${since} WHERE user_id = $1 RETURNING ${COLUMNS}`,
      [userId],
    ),
  );
  if (isDisabled) {
    await endSessions(client, userId);
    await query(client, "DELETE FROM one_time_links WHERE user_id = $1", [userId]);
  }
  return changed;
}

/** @returns how many there were; consoles know it within 30 s */
export async function endSessions(
  client: PgClient,
  userId: string,
  { sessionId }: { sessionId?: string } = {},
): Promise<number> {
  const ended = await query(
    client,
    "DELETE FROM sessions WHERE user_id = $1 AND ($2::uuid IS NULL OR session_id = $2) RETURNING session_id",
    [userId, sessionId ?? null],
  );
  return ended.length;
}

/** How long a one-time link lasts. */
export const LINK_SECONDS = 3_600;

/**
 * Creates the link that signs a user in once, in the place of earlier ones, which no longer work.
 * @returns its token, which is shown only once: the database has only its hash
 * @throws {AccessFault} state: the user is disabled, or signs in at an identity provider
 */
export async function createOneTimeLink(
  client: PgClient,
  user: UserRow,
): Promise<{ token: string; expiresAt: Date }> {
  if (user.kind !== "local") {
    throw new AccessFault("state", "this user signs in at an identity provider");
  }
  if (user.disabled_at !== null) {
    throw new AccessFault("state", "this user is disabled: enable them first");
  }
  const { secret, sha256 } = newSecret();
  await query(client, "DELETE FROM one_time_links WHERE user_id = $1", [user.user_id]);
  const [row] = await query<{ expires_at: Date }>(
    client,
    `INSERT INTO one_time_links (link_sha256, user_id, expires_at)
     VALUES ($1, $2, now() + $3 * interval '1 second') RETURNING expires_at`,
    [sha256, user.user_id, LINK_SECONDS],
  );
  if (row === undefined) throw new Error("the database has returned no link");
  return { token: secret, expiresAt: row.expires_at };
}

async function only(rows: Promise<UserRow[]>): Promise<UserRow> {
  const [row] = await rows;
  if (row !== undefined) return row;
  throw new AccessFault("missing", "there is no such user");
}

const explained = (error: unknown): unknown =>
  sqlStateOf(error) === UNIQUE_VIOLATION
    ? new AccessFault("taken", "there is a user of this name already", { cause: error })
    : error;
