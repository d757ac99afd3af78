import { ADVISORY_LOCKS } from "@fiberstream/postgres/advisory-locks";
import { type PgClient, query } from "@fiberstream/postgres/pool";
import { sqlStateOf, UNIQUE_VIOLATION } from "@fiberstream/postgres/postgres-errors";
import { AccessFault } from "./access-fault.ts";

/** Stands for all tenants, and for all nodes. */
export const ALL = "*";

export const GRANTED_ROLES = ["viewer", "operator", "admin", "auditor"] as const;
export type GrantedRole = (typeof GRANTED_ROLES)[number];

/** A row of `grants`. */
export type GrantRow = {
  readonly grant_id: string;
  readonly user_id: string;
  readonly role: GrantedRole;
  readonly tenant: string;
  readonly node_pattern: string;
  /** oidc: it follows from the groups that the identity provider says, at each sign-in. */
  readonly source: "local" | "oidc";
  readonly created_at: Date;
};

export type NewGrant = Pick<GrantRow, "user_id" | "role" | "tenant" | "node_pattern">;

const COLUMNS = "grant_id, user_id, role, tenant, node_pattern, source, created_at";
const CHECK_VIOLATION = "23514";

export const grantsOf = (client: PgClient, userId: string): Promise<GrantRow[]> =>
  query<GrantRow>(
    client,
    `SELECT ${COLUMNS} FROM grants WHERE user_id = $1 ORDER BY created_at, grant_id`,
    [userId],
  );

/** @throws {AccessFault} taken: the user has it already; state: the user has 100 grants */
export async function addGrant(client: PgClient, grant: NewGrant): Promise<GrantRow> {
  try {
    const [row] = await query<GrantRow>(
      client,
      `INSERT INTO grants (user_id, role, tenant, node_pattern, source)
       VALUES ($1, $2, $3, $4, 'local') RETURNING ${COLUMNS}`,
      [grant.user_id, grant.role, grant.tenant, grant.node_pattern],
    );
    if (row === undefined) throw new Error("the database has returned no grant");
    return row;
  } catch (error) {
    const state = sqlStateOf(error);
    if (state === UNIQUE_VIOLATION) {
      throw new AccessFault("taken", "the user has this grant already", { cause: error });
    }
    if (state === CHECK_VIOLATION) {
      throw new AccessFault("state", "a user may have at most 100 grants", { cause: error });
    }
    throw error;
  }
}

/** @throws {AccessFault} missing */
export async function findGrant(client: PgClient, grantId: string): Promise<GrantRow> {
  const [row] = await query<GrantRow>(client, `SELECT ${COLUMNS} FROM grants WHERE grant_id = $1`, [
    grantId,
  ]);
  if (row !== undefined) return row;
  throw new AccessFault("missing", "there is no such grant");
}

/** @throws {AccessFault} state: the grant follows from the groups of an identity provider */
export async function removeGrant(client: PgClient, grant: GrantRow): Promise<void> {
  if (grant.source !== "local") {
    throw new AccessFault(
      "state",
      "this grant follows from a group of the identity provider: take the person out of the group, or change the grants file",
    );
  }
  await query(client, "DELETE FROM grants WHERE grant_id = $1", [grant.grant_id]);
}

/**
 * Does what may take the last admin away, one such change at a time: two admins who remove each other at the same moment would
 * otherwise both succeed. Begin the transaction with it.
 *
 * @throws {AccessFault} last-admin: there was an admin of everything, and then none would be left
 */
export async function keepingAnAdmin<T>(client: PgClient, work: () => Promise<T>): Promise<T> {
  await query(client, `SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.changeAdmins})`);
  const had = await hasAdmin(client);
  const result = await work();
  if (!had || (await hasAdmin(client))) return result;
  throw new AccessFault(
    "last-admin",
    "nobody would be left who may grant everything: make somebody else an admin of all tenants and nodes first",
  );
}

async function hasAdmin(client: PgClient): Promise<boolean> {
  const rows = await query(
    client,
    `SELECT FROM grants JOIN users USING (user_id)
     WHERE role = 'admin' AND tenant = '*' AND node_pattern = '*' AND disabled_at IS NULL LIMIT 1`,
  );
  return rows.length > 0;
}
