import { addGrant, GRANTED_ROLES, keepingAnAdmin } from "@fiberstream/access/grant-table";
import {
  createOneTimeLink,
  createUser as createUserRow,
  renameUser,
  setDisabled,
  USER_NAME,
} from "@fiberstream/access/user-table";
import type { PgClient } from "@fiberstream/postgres/pool";
import { z } from "zod";
import { isEverything, type TenantScope } from "../../access/scope.ts";
import { requireCovered } from "../../administration/administers.ts";
import type { ChangeRoutes } from "../../administration/change-routes.ts";
import {
  ifMatch,
  requireVersion,
  versionedAnswer,
  versionIn,
} from "../../administration/versions.ts";
import { jsonAnswer } from "../../answers/answer.ts";
import { Refusal } from "../../answers/refusal.ts";
import { nothing } from "../parameters.ts";
import type { Route } from "../route.ts";
import { nodePattern, tenantName } from "./key-bodies.ts";
import { userPath } from "./read-users.ts";
import { adminNeed, lockManagedUser, lockVisibleUser, rowOf, userSchema } from "./user-fields.ts";

const name = z.string().regex(USER_NAME, "must be 1 to 100 letters, digits and ._@+-");
/** What a person gets; without a tenant or nodes: all. */
export const newGrant = z.strictObject({
  role: z.enum(GRANTED_ROLES),
  tenant: z
    .union([z.literal("*"), tenantName])
    .default("*")
    .describe("*: all tenants."),
  node_pattern: nodePattern.default("*").describe("One node id, or a prefix and *. *: all nodes."),
});

const linkSchema = z.object({
  path: z.string().describe("Of the page on this console; shown only once."),
  expires_at: z.string(),
});
const withLink = z.object({
  data: userSchema,
  link: linkSchema.describe("Signs the person in once, who then sets a password."),
});

/** `POST` and `PATCH` of `/api/v1/users` */
export const changeUsersRoutes = (routes: ChangeRoutes): Route[] => [
  createUser(routes),
  changeUser(routes),
  resetUser(routes),
];

const createUser = (routes: ChangeRoutes) =>
  routes.route({
    method: "POST",
    path: "/api/v1/users",
    operationId: "createUser",
    summary: "Creates a local user, and returns a link that signs them in once",
    description:
      "An administrator of one tenant gives a grant in it, and a name that ends with @ and the tenant: names are of all tenants together.",
    permission: "users:write",
    cost: 5,
    schemas: {
      path: nothing,
      query: nothing,
      body: z.strictObject({ name, grants: z.array(newGrant).max(20).default([]) }),
    },
    success: { status: 201, name: "UserWithLink", schema: withLink },
    codes: ["NAME_TAKEN", "WRONG_STATE"],
    need: (_, { body }) => adminNeed(body.grants),
    change: async (client, { body }, asker) => {
      const scope = grantScope(asker);
      for (const { tenant, node_pattern: nodes } of body.grants) {
        requireCovered(scope, { tenant, nodes }, "grant");
      }
      requireOwnName(scope, body.name);
      if (body.grants.length === 0 && !isEverything(scope)) {
        throw new Refusal("NOT_ALLOWED", "give the user a grant in your tenant");
      }
      const row = await createUserRow(client, body.name);
      for (const grant of body.grants) await addGrant(client, { user_id: row.user_id, ...grant });
      const { user } = await lockVisibleUser(client, scope, row.user_id);
      return jsonAnswer(
        201,
        { data: user, link: await linkTo(client, row) },
        { Location: `/api/v1/users/${row.user_id}` },
      );
    },
  });

/** What the asker may grant. */
function grantScope(asker: {
  readonly scopeOf: (permission: "grants:write") => TenantScope | undefined;
}): TenantScope {
  const scope = asker.scopeOf("grants:write");
  if (scope !== undefined) return scope;
  throw new Refusal("NOT_ALLOWED", "you do not have the permission grants:write");
}

/**
 * Names are of all tenants together: whoever could try any name would learn which there are.
 * @throws {Refusal} NOT_ALLOWED
 */
function requireOwnName(scope: TenantScope, given: string): void {
  const isOwn = scope.grants.some(({ tenant }) => given.endsWith(`@${tenant}`));
  if (isEverything(scope) || isOwn) return;
  throw new Refusal(
    "NOT_ALLOWED",
    "the name has to end with @ and your tenant: only administrators of all tenants give other names",
  );
}

async function linkTo(client: PgClient, user: Parameters<typeof createOneTimeLink>[1]) {
  const { token, expiresAt } = await createOneTimeLink(client, user);
  return { path: `/sign-in/link?code=${token}`, expires_at: expiresAt.toISOString() };
}

const changeUser = (routes: ChangeRoutes) =>
  routes.route({
    method: "PATCH",
    path: "/api/v1/users/{user_id}",
    operationId: "changeUser",
    summary: "Renames, disables or enables a user",
    description:
      "Who is disabled is signed out within 30 s, and their tokens no longer work. If-Match has the ETag of the user, or its version in quotes.",
    permission: "users:write",
    cost: 2,
    schemas: {
      path: userPath,
      query: nothing,
      headers: ifMatch,
      body: z
        .strictObject({ name, disabled: z.boolean() })
        .partial()
        .refine((given) => Object.keys(given).length > 0, "must have at least one field")
        .meta({ minProperties: 1 }),
    },
    success: { status: 200, name: "User", schema: z.object({ data: userSchema }) },
    codes: [
      "NO_SUCH_OBJECT",
      "NAME_TAKEN",
      "WRONG_STATE",
      "LAST_ADMIN",
      "REVISION_CHANGED",
      "REVISION_REQUIRED",
    ],
    need: (client, { path }, { scope }) =>
      keepingAnAdmin(client, async () =>
        adminNeed((await lockManagedUser(client, scope, path.user_id)).grants),
      ),
    change: async (client, { path: { user_id: id }, body, headers }, { scope }) => {
      const version = versionIn(headers["if-match"]);
      await keepingAnAdmin(client, async () => {
        const managed = await lockManagedUser(client, scope, id);
        const { user } = await lockVisibleUser(client, scope, id);
        requireVersion(version, user.version);
        if (body.name !== undefined) {
          requireOwnName(scope, body.name);
          await renameUser(client, rowOf(managed), body.name);
        }
        if (body.disabled !== undefined) await setDisabled(client, id, body.disabled);
      });
      return versionedAnswer(200, (await lockVisibleUser(client, scope, id)).user);
    },
  });

const resetUser = (routes: ChangeRoutes) =>
  routes.route({
    method: "POST",
    path: "/api/v1/users/{user_id}/reset",
    operationId: "resetUser",
    summary: "Returns a link that signs a local user in once, who then sets a new password",
    description:
      "Earlier links of the user no longer work. The password stays until a new one is set.",
    permission: "users:write",
    cost: 5,
    schemas: { path: userPath, query: nothing },
    success: { status: 201, name: "UserWithLink", schema: withLink },
    codes: ["NO_SUCH_OBJECT", "WRONG_STATE"],
    need: async (client, { path }, { scope }) =>
      adminNeed((await lockManagedUser(client, scope, path.user_id)).grants),
    change: async (client, { path: { user_id: id } }, { scope }) => {
      const managed = await lockManagedUser(client, scope, id);
      const link = await linkTo(client, rowOf(managed));
      return jsonAnswer(201, { data: (await lockVisibleUser(client, scope, id)).user, link });
    },
  });
