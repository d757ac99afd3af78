import {
  changeKey as changeKeyRow,
  createKey as createKeyRow,
  revokeKey as revokeKeyRow,
  rotateKey as rotateKeyRow,
} from "@fiberstream/access/key-table";
import type { PgClient } from "@fiberstream/postgres/pool";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { z } from "zod";
import { isEverything, type TenantScope } from "../../access/scope.ts";
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
import {
  burst,
  BURST_SECONDS,
  expiresIn,
  inSeconds,
  keepOld,
  maxNodes,
  nodePattern,
  note,
  rate,
  tenantName,
} from "./key-bodies.ts";
import { keySchema } from "./key-fields.ts";
import { requireOwnNodes } from "./key-rules.ts";
import { keyPath, lockVisibleKey } from "./read-keys.ts";

/** A key with its token, which nobody can be shown again. */
const createdSchema = z.object({
  data: keySchema,
  token: z.string().nullable().describe("Shown only once; null: the key is for JWTs."),
});
const oneKey = { name: "Key", schema: z.object({ data: keySchema }) };

/** Old keys that end sooner than this may still be in use: that is as final as revoking them. */
const SHORT_ROTATION_SECONDS = 3_600;

/** `POST`, `PATCH` and `DELETE` of `/api/v1/keys` */
export const changeKeysRoutes = (routes: ChangeRoutes): Route[] => [
  createKey(routes),
  changeKey(routes),
  rotateKey(routes),
  revokeKey(routes),
];

const newKey = z.strictObject({
  tenant: tenantName,
  node_pattern: nodePattern,
  rate_per_second: rate.default(100),
  burst: burst.optional().describe("Default: ten times the rate."),
  max_nodes: maxNodes.optional(),
  requires_signature: z.boolean().default(false),
  jwt_subject: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe("Only by administrators of all tenants."),
  expires_in_seconds: expiresIn.optional(),
  note: note.optional(),
});

const createKey = (routes: ChangeRoutes) =>
  routes.route({
    method: "POST",
    path: "/api/v1/keys",
    operationId: "createKey",
    summary: "Creates a key of senders, and returns its token once",
    description:
      "The nodes of different tenants' keys may not overlap. An administrator of one tenant can create keys for nodes that a key of the tenant has already.",
    permission: "keys:write",
    cost: 5,
    schemas: { path: nothing, query: nothing, body: newKey },
    success: { status: 201, name: "CreatedKey", schema: createdSchema },
    codes: ["NODES_TAKEN", "NAME_TAKEN"],
    change: async (client, { body }, { scope }) => {
      if (body.jwt_subject !== undefined) requireAllForJwts(scope, body);
      await requireOwnNodes(client, scope, body);
      const { row, token } = await createKeyRow(client, {
        tenant: body.tenant,
        node_pattern: body.node_pattern,
        rate_per_second: body.rate_per_second,
        burst: body.burst ?? Math.max(1, body.rate_per_second * BURST_SECONDS),
        ...(body.max_nodes !== undefined && { max_nodes: body.max_nodes }),
        requires_signature: body.requires_signature,
        jwt_subject: body.jwt_subject ?? null,
        expires_at:
          body.expires_in_seconds === undefined
            ? null
            : inSeconds(body.expires_in_seconds, wallNowMs()),
        note: body.note ?? null,
      });
      return createdAnswer(client, scope, { keyId: row.key_id, token });
    },
  });

/** Subjects are of all tenants together: others would learn which there are. */
function requireAllForJwts(
  scope: TenantScope,
  { requires_signature: isSigned }: { requires_signature: boolean },
) {
  if (!isEverything(scope)) {
    throw new Refusal("NOT_ALLOWED", "only administrators of all tenants may create keys for JWTs");
  }
  if (isSigned) {
    throw new Refusal(
      "INVALID_FIELD",
      "requires_signature: a key for JWTs has no secret to sign with",
    );
  }
}

async function createdAnswer(
  client: PgClient,
  scope: TenantScope,
  { keyId, token }: { keyId: string; token: string | undefined },
) {
  const data = await lockVisibleKey(client, scope, keyId);
  return jsonAnswer(201, { data, token: token ?? null }, { Location: `/api/v1/keys/${keyId}` });
}

const changeKey = (routes: ChangeRoutes) =>
  routes.route({
    method: "PATCH",
    path: "/api/v1/keys/{key_id}",
    operationId: "changeKey",
    summary: "Changes the rate, burst, nodes or note of a key; its secret stays",
    description:
      "Takes effect within 30 s. If-Match has the ETag of the key, or its version in quotes.",
    permission: "keys:write",
    cost: 2,
    schemas: {
      path: keyPath,
      query: nothing,
      headers: ifMatch,
      body: z
        .strictObject({
          node_pattern: nodePattern,
          rate_per_second: rate,
          burst,
          max_nodes: maxNodes,
          note,
        })
        .partial()
        .refine((given) => Object.keys(given).length > 0, "must have at least one field")
        .meta({ minProperties: 1 }),
    },
    success: { status: 200, ...oneKey },
    codes: [
      "NO_SUCH_OBJECT",
      "WRONG_STATE",
      "NODES_TAKEN",
      "REVISION_CHANGED",
      "REVISION_REQUIRED",
    ],
    change: async (client, { path: { key_id: id }, body, headers }, { scope }) => {
      const version = versionIn(headers["if-match"]);
      const key = await lockVisibleKey(client, scope, id);
      requireVersion(version, key.version);
      requireNotRevoked(key);
      if (body.node_pattern !== undefined) {
        await requireOwnNodes(client, scope, {
          tenant: key.tenant,
          node_pattern: body.node_pattern,
        });
      }
      await changeKeyRow(client, id, body);
      return versionedAnswer(200, await lockVisibleKey(client, scope, id));
    },
  });

/** @throws {Refusal} WRONG_STATE */
export function requireNotRevoked({
  revoked_at: revokedAt,
}: {
  readonly revoked_at: string | null;
}) {
  if (revokedAt === null) return;
  throw new Refusal("WRONG_STATE", "the key is revoked: create a new one");
}

const rotateKey = (routes: ChangeRoutes) =>
  routes.route({
    method: "POST",
    path: "/api/v1/keys/{key_id}/rotate",
    operationId: "rotateKey",
    summary: "Creates a key with the same permissions, and lets the old one expire",
    permission: "keys:write",
    cost: 5,
    schemas: {
      path: keyPath,
      query: nothing,
      body: z.strictObject({
        keep_old_seconds: keepOld,
        expires_in_seconds: expiresIn
          .optional()
          .describe("Of the new key. Default: when the old one would have expired."),
      }),
    },
    success: { status: 201, name: "CreatedKey", schema: createdSchema },
    codes: ["NO_SUCH_OBJECT", "WRONG_STATE"],
    need: async (client, { path, body }, { scope }) =>
      body.keep_old_seconds >= SHORT_ROTATION_SECONDS
        ? undefined
        : keyNeed(await lockVisibleKey(client, scope, path.key_id)),
    change: async (client, { path: { key_id: id }, body }, { scope }) => {
      await lockVisibleKey(client, scope, id);
      const { row, token } = await rotateKeyRow(client, id, {
        keepOldSeconds: body.keep_old_seconds,
        expiresInSeconds: body.expires_in_seconds,
      });
      return createdAnswer(client, scope, { keyId: row.key_id, token });
    },
  });

export const keyNeed = ({ tenant }: { readonly tenant: string | null }) =>
  ({ action: "keys", tenant }) as const;

const revokeKey = (routes: ChangeRoutes) =>
  routes.route({
    method: "DELETE",
    path: "/api/v1/keys/{key_id}",
    operationId: "revokeKey",
    summary: "Revokes a key permanently",
    description: "All gateways reject it within 30 s, and other tenants may use its nodes.",
    permission: "keys:write",
    cost: 2,
    schemas: { path: keyPath, query: nothing },
    success: { status: 200, ...oneKey },
    codes: ["NO_SUCH_OBJECT"],
    need: async (client, { path }, { scope }) =>
      keyNeed(await lockVisibleKey(client, scope, path.key_id)),
    change: async (client, { path: { key_id: id } }, { scope }) => {
      await lockVisibleKey(client, scope, id);
      await revokeKeyRow(client, id);
      return versionedAnswer(200, await lockVisibleKey(client, scope, id));
    },
  });
