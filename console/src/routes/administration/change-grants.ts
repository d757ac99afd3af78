import {
  addGrant as addGrantRow,
  keepingAnAdmin,
  findGrant,
  removeGrant as removeGrantRow,
  type GrantRow,
} from "@fiberstream/access/grant-table";
import { AccessFault } from "@fiberstream/access/access-fault";
import type { PgClient } from "@fiberstream/postgres/pool";
import { z } from "zod";
import type { TenantScope } from "../../access/scope.ts";
import { covers, requireCovered } from "../../administration/administers.ts";
import type { ChangeRoutes } from "../../administration/change-routes.ts";
import { jsonAnswer } from "../../answers/answer.ts";
import { Refusal } from "../../answers/refusal.ts";
import { nothing } from "../parameters.ts";
import type { Route } from "../route.ts";
import { newGrant } from "./change-users.ts";
import { userPath } from "./read-users.ts";
import { adminNeed, type Grant, grantSchema, lockVisibleUser } from "./user-fields.ts";

const oneGrant = { name: "Grant", schema: z.object({ data: grantSchema }) };
const grantPath = z.strictObject({ grant_id: z.uuid() });

/** `POST /api/v1/users/{user_id}/grants` and `DELETE /api/v1/grants/{grant_id}` */
export const changeGrantsRoutes = (routes: ChangeRoutes): Route[] => [
  addGrant(routes),
  removeGrant(routes),
];

const addGrant = (routes: ChangeRoutes) =>
  routes.route({
    method: "POST",
    path: "/api/v1/users/{user_id}/grants",
    operationId: "addGrant",
    summary: "Grants a role to a user, in a tenant or all, for nodes by a pattern",
    description: "Nobody can grant more than is granted to them. Takes effect within 30 s.",
    permission: "grants:write",
    cost: 2,
    schemas: { path: userPath, query: nothing, body: newGrant },
    success: { status: 201, ...oneGrant },
    codes: ["NO_SUCH_OBJECT", "NAME_TAKEN", "WRONG_STATE"],
    need: (_, { body }) => adminNeed([body]),
    change: async (client, { path: { user_id: id }, body }, { scope }) => {
      requireCovered(scope, { tenant: body.tenant, nodes: body.node_pattern }, "grant");
      await lockVisibleUser(client, scope, id);
      const row = await addGrantRow(client, { user_id: id, ...body });
      return jsonAnswer(201, { data: shown(row) }, { Location: `/api/v1/grants?user_id=${id}` });
    },
  });

const shown = ({ created_at: createdAt, ...row }: GrantRow): Grant => ({
  ...row,
  created_at: createdAt.toISOString(),
});

const removeGrant = (routes: ChangeRoutes) =>
  routes.route({
    method: "DELETE",
    path: "/api/v1/grants/{grant_id}",
    operationId: "removeGrant",
    summary: "Takes a grant away",
    description:
      "Takes effect within 30 s. Grants of an identity provider's groups are taken away there. The last admin of all tenants stays one.",
    permission: "grants:write",
    cost: 2,
    schemas: { path: grantPath, query: nothing },
    success: { status: 200, ...oneGrant },
    codes: ["NO_SUCH_OBJECT", "WRONG_STATE", "LAST_ADMIN"],
    need: (client, { path }, { scope }) =>
      keepingAnAdmin(client, async () =>
        adminNeed([await visibleGrant(client, scope, path.grant_id)]),
      ),
    change: async (client, { path: { grant_id: id } }, { scope }) =>
      keepingAnAdmin(client, async () => {
        const grant = await visibleGrant(client, scope, id);
        await removeGrantRow(client, grant);
        return jsonAnswer(200, { data: shown(grant) });
      }),
  });

/** @throws {Refusal} NO_SUCH_OBJECT, also for grants that the asker could not make */
async function visibleGrant(client: PgClient, scope: TenantScope, id: string): Promise<GrantRow> {
  const grant = await findGrant(client, id).catch((error: unknown) => {
    if (error instanceof AccessFault) return undefined;
    throw error;
  });
  if (grant !== undefined && covers(scope, { tenant: grant.tenant, nodes: grant.node_pattern })) {
    return grant;
  }
  throw new Refusal("NO_SUCH_OBJECT", "there is no such grant");
}
