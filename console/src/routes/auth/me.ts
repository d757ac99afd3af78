import { type PgPool, query } from "@fiberstream/postgres/pool";
import { z } from "zod";
import { type Granted, PERMISSIONS, ROLES } from "../../access/permissions.ts";
import type { Grant } from "../../access/reader.ts";
import type { ScopeGrant } from "../../access/scope.ts";
import { jsonAnswer } from "../../answers/answer.ts";
import { asked } from "../../questions/ask.ts";
import { nothing } from "../parameters.ts";
import { route } from "../route.ts";

const scope = z.object({
  tenant: z.string().describe("*: all."),
  nodes: z.string().describe("A node id, a prefix followed by *, or *: all."),
});
const time = z.string().nullable();

const me = z.object({
  user_id: z.string(),
  name: z.string(),
  kind: z.enum(["local", "oidc"]),
  session_id: z.string().nullable().describe("null: asked with a personal token."),
  has_password: z.boolean(),
  has_totp: z.boolean(),
  recovery_codes_left: z.number().int(),
  last_signed_in_at: time,
  grants: z
    .array(scope.extend({ role: z.enum(ROLES) }))
    .describe("What was granted to the person."),
  permissions: z
    .partialRecord(z.enum(PERMISSIONS as [Granted, ...Granted[]]), z.array(scope))
    .describe("What this session or token may do, and for whose data."),
});

type Row = Omit<z.output<typeof me>, "permissions" | "session_id" | "grants"> & { grants: Grant[] };

/** `GET /api/v1/auth/me`: who asks, and what they may do. */
export const meRoute = ({ pool }: { pool: PgPool }) =>
  route({
    method: "GET",
    path: "/api/v1/auth/me",
    operationId: "getMe",
    summary: "Returns who is signed in, and what they may do",
    permission: "self",
    cost: 1,
    schemas: { path: nothing, query: nothing },
    success: { status: 200, name: "Me", schema: z.object({ data: me }) },
    codes: [],
    answer: async (_, asker) => {
      const [row] = await asked(query<Row>(pool, READ_ME, [asker.userId]));
      const permissions: Partial<Record<Granted, readonly ScopeGrant[]>> = {};
      for (const permission of PERMISSIONS) {
        const of = asker.scopeOf(permission);
        if (of !== undefined) permissions[permission] = of.grants;
      }
      return jsonAnswer(200, {
        data: { ...row, session_id: asker.sessionId ?? null, permissions },
      });
    },
  });

const READ_ME = `
  SELECT user_id, name, kind, password_hash IS NOT NULL AS has_password, totp_confirmed_at IS NOT NULL AS has_totp,
         cardinality(recovery_codes) AS recovery_codes_left,
         to_char(last_signed_in_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS last_signed_in_at,
         (SELECT coalesce(json_agg(json_build_object('role', role, 'tenant', tenant, 'nodes', node_pattern)
                                   ORDER BY role, tenant, node_pattern), '[]')
          FROM grants WHERE grants.user_id = users.user_id) AS grants
  FROM users WHERE user_id = $1`;
