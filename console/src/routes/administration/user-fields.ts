import { GRANTED_ROLES } from "@fiberstream/access/grant-table";
import type { UserRow } from "@fiberstream/access/user-table";
import { type PgClient, query } from "@fiberstream/postgres/pool";
import { z } from "zod";
import { isEverything, type TenantScope } from "../../access/scope.ts";
import { covers } from "../../administration/administers.ts";
import { versionOf } from "../../administration/versions.ts";
import { Refusal } from "../../answers/refusal.ts";
import { isoText } from "../../questions/statement.ts";

const time = z.string().nullable();

export const grantSchema = z.object({
  grant_id: z.string(),
  user_id: z.string(),
  role: z.enum(GRANTED_ROLES),
  tenant: z.string().describe("*: all tenants."),
  node_pattern: z.string().describe("One node id, or a prefix and *. *: all nodes."),
  source: z
    .enum(["local", "oidc"])
    .describe("oidc: it follows from a group of the identity provider, at each sign-in."),
  created_at: z.string(),
});
export type Grant = z.output<typeof grantSchema>;

export const userSchema = z.object({
  user_id: z.string(),
  kind: z.enum(["local", "oidc"]).describe("oidc: signs in at an identity provider."),
  name: z.string(),
  created_at: z.string(),
  last_signed_in_at: time,
  disabled_at: time.describe("null: is not disabled."),
  has_password: z.boolean(),
  has_totp: z.boolean(),
  grants: z.array(grantSchema).describe("Those that you may see."),
  is_manageable: z
    .boolean()
    .describe("Whether you may change the user: you may grant all that is granted to them."),
  version: z.string().describe("Of what can be changed; PATCH needs it in If-Match."),
});
export type User = z.output<typeof userSchema>;

export const GRANT_FIELDS = `grant_id, user_id, role, tenant, node_pattern, source, ${isoText("grants.created_at")} AS created_at`;

/** A user with all grants, before what the asker may not see is left out. */
export type UserWithGrants = Omit<User, "is_manageable" | "version">;

export const USER_FIELDS = `
  users.user_id, users.kind, users.name, ${isoText("users.created_at")} AS created_at,
  ${isoText("users.last_signed_in_at")} AS last_signed_in_at, ${isoText("users.disabled_at")} AS disabled_at,
  users.password_hash IS NOT NULL AS has_password, users.totp_confirmed_at IS NOT NULL AS has_totp,
  (SELECT coalesce(json_agg(granted ORDER BY created_at, grant_id), '[]')
   FROM (SELECT ${GRANT_FIELDS} FROM grants WHERE grants.user_id = users.user_id) AS granted) AS grants`;

const coversGrant = (scope: TenantScope, { tenant, node_pattern: nodes }: Grant): boolean =>
  covers(scope, { tenant, nodes });

/**
 * Returns a user as the asker may see them: with the grants that the asker could make; undefined if there is none of them. Who may
 * grant everything also sees users without a grant.
 */
export function userSeenBy(scope: TenantScope, user: UserWithGrants): User | undefined {
  const grants = user.grants.filter((grant) => coversGrant(scope, grant));
  if (grants.length === 0 && !isEverything(scope)) return undefined;
  return {
    ...user,
    grants,
    is_manageable: grants.length === user.grants.length,
    version: versionOf([user.user_id, user.name, user.disabled_at]),
  };
}

/**
 * Returns a user whom the asker may see, whom nobody else can change until the transaction ends.
 * @throws {Refusal} NO_SUCH_OBJECT, also for users that the asker may not see
 */
export async function lockVisibleUser(
  client: PgClient,
  scope: TenantScope,
  id: string,
): Promise<{ user: User; all: UserWithGrants }> {
  const [all] = await query<UserWithGrants>(
    client,
    `SELECT ${USER_FIELDS} FROM users WHERE user_id = $1 FOR UPDATE`,
    [id],
  );
  const user = all && userSeenBy(scope, all);
  if (all === undefined || user === undefined) throw noSuchUser();
  return { user, all };
}

/** @throws {Refusal} as lockVisibleUser, and NOT_ALLOWED when the user has grants that the asker could not make */
export async function lockManagedUser(
  client: PgClient,
  scope: TenantScope,
  id: string,
): Promise<UserWithGrants> {
  const { user, all } = await lockVisibleUser(client, scope, id);
  if (user.is_manageable) return all;
  throw new Refusal(
    "NOT_ALLOWED",
    "this user may do more than you may grant: ask an administrator of all tenants",
  );
}

export const noSuchUser = () => new Refusal("NO_SUCH_OBJECT", "there is no such user");

/** The row of a user as the table of users takes it. */
export const rowOf = (user: UserWithGrants): UserRow => ({
  user_id: user.user_id,
  kind: user.kind,
  name: user.name,
  created_at: new Date(user.created_at),
  last_signed_in_at: user.last_signed_in_at === null ? null : new Date(user.last_signed_in_at),
  disabled_at: user.disabled_at === null ? null : new Date(user.disabled_at),
});

/** Returns what a second person has to approve when users or grants change: what is about admins. */
export const adminNeed = (grants: readonly Pick<Grant, "role" | "tenant">[]) => {
  const ofAdmins = grants.filter(({ role }) => role === "admin");
  if (ofAdmins.length === 0) return undefined;
  const tenants = new Set(ofAdmins.map(({ tenant }) => tenant));
  const [tenant] = tenants;
  const isOfOne = tenants.size === 1 && tenant !== undefined && tenant !== "*";
  return { action: "admins", tenant: isOfOne ? tenant : null } as const;
};
