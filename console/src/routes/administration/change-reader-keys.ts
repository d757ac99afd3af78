import {
  changeReaderKey as changeReaderKeyRow,
  createReaderKey as createReaderKeyRow,
  revokeReaderKey as revokeReaderKeyRow,
  rotateReaderKey as rotateReaderKeyRow,
} from "@fiberstream/access/reader-key-table";
import type { PgClient } from "@fiberstream/postgres/pool";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { z } from "zod";
import type { TenantScope } from "../../access/scope.ts";
import { extentOf, requireCovered } from "../../administration/administers.ts";
import type { ChangeRoutes } from "../../administration/change-routes.ts";
import {
  ifMatch,
  requireVersion,
  versionedAnswer,
  versionIn,
} from "../../administration/versions.ts";
import { jsonAnswer } from "../../answers/answer.ts";
import { nothing } from "../parameters.ts";
import type { Route } from "../route.ts";
import { keyNeed, requireNotRevoked } from "./change-keys.ts";
import {
  burst,
  BURST_SECONDS,
  expiresIn,
  inSeconds,
  keepOld,
  note,
  rate,
  tenantName,
} from "./key-bodies.ts";
import { readerKeySchema } from "./key-fields.ts";
import { keyPath, lockVisibleReaderKey } from "./read-keys.ts";

const createdSchema = z.object({
  data: readerKeySchema,
  token: z.string().describe("Shown only once."),
});
const oneKey = { name: "ReaderKey", schema: z.object({ data: readerKeySchema }) };
const createdKey = { status: 201, name: "CreatedReaderKey", schema: createdSchema };

/** `POST`, `PATCH` and `DELETE` of `/api/v1/reader-keys` */
export const changeReaderKeysRoutes = (routes: ChangeRoutes): Route[] => [
  createReaderKey(routes),
  changeReaderKey(routes),
  rotateReaderKey(routes),
  revokeReaderKey(routes),
];

const newKey = z.strictObject({
  tenant: tenantName.nullable().describe("Whose data it may read; null: of all tenants."),
  may_change_nodes: z.boolean().default(false),
  may_redrive: z.boolean().default(false),
  rate_per_second: rate.optional().describe("Default: as the console's settings say."),
  burst: burst.optional().describe("Default: ten times the rate. Only with rate_per_second."),
  expires_in_seconds: expiresIn.optional(),
  note: note.optional(),
});

const createReaderKey = (routes: ChangeRoutes) =>
  routes.route({
    method: "POST",
    path: "/api/v1/reader-keys",
    operationId: "createReaderKey",
    summary: "Creates a key of readers of this API, and returns its token once",
    permission: "keys:write",
    cost: 5,
    schemas: {
      path: nothing,
      query: nothing,
      body: newKey.refine(
        (key) => key.rate_per_second !== undefined || key.burst === undefined,
        "burst needs rate_per_second",
      ),
    },
    success: createdKey,
    codes: [],
    change: async (client, { body }, { scope }) => {
      // It reads all nodes of its tenant.
      requireCovered(scope, extentOf(body.tenant), "give keys");
      const { rate_per_second: perSecond } = body;
      const { row, token } = await createReaderKeyRow(client, {
        tenant: body.tenant,
        may_change_nodes: body.may_change_nodes,
        may_redrive: body.may_redrive,
        rate_per_second: perSecond ?? null,
        burst:
          perSecond === undefined ? null : (body.burst ?? Math.max(1, perSecond * BURST_SECONDS)),
        expires_at:
          body.expires_in_seconds === undefined
            ? null
            : inSeconds(body.expires_in_seconds, wallNowMs()),
        note: body.note ?? null,
      });
      return createdAnswer(client, scope, { keyId: row.key_id, token });
    },
  });

async function createdAnswer(
  client: PgClient,
  scope: TenantScope,
  { keyId, token }: { keyId: string; token: string },
) {
  const data = await lockVisibleReaderKey(client, scope, keyId);
  return jsonAnswer(201, { data, token }, { Location: `/api/v1/reader-keys/${keyId}` });
}

const changeReaderKey = (routes: ChangeRoutes) =>
  routes.route({
    method: "PATCH",
    path: "/api/v1/reader-keys/{key_id}",
    operationId: "changeReaderKey",
    summary: "Changes the rate, burst or note of a reader key; its secret stays",
    description:
      "Takes effect within 30 s. If-Match has the ETag of the key, or its version in quotes.",
    permission: "keys:write",
    cost: 2,
    schemas: {
      path: keyPath,
      query: nothing,
      headers: ifMatch,
      body: z
        .strictObject({ rate_per_second: rate.nullable(), burst: burst.nullable(), note })
        .partial()
        .refine((given) => Object.keys(given).length > 0, "must have at least one field")
        .refine(
          ({ rate_per_second: perSecond, burst: atOnce }) =>
            (perSecond === undefined) === (atOnce === undefined) &&
            (perSecond === null) === (atOnce === null),
          "rate_per_second and burst are changed together",
        )
        .meta({ minProperties: 1 }),
    },
    success: { status: 200, ...oneKey },
    codes: ["NO_SUCH_OBJECT", "WRONG_STATE", "REVISION_CHANGED", "REVISION_REQUIRED"],
    change: async (client, { path: { key_id: id }, body, headers }, { scope }) => {
      const version = versionIn(headers["if-match"]);
      const key = await lockVisibleReaderKey(client, scope, id);
      requireVersion(version, key.version);
      requireNotRevoked(key);
      await changeReaderKeyRow(client, id, body);
      return versionedAnswer(200, await lockVisibleReaderKey(client, scope, id));
    },
  });

const rotateReaderKey = (routes: ChangeRoutes) =>
  routes.route({
    method: "POST",
    path: "/api/v1/reader-keys/{key_id}/rotate",
    operationId: "rotateReaderKey",
    summary: "Creates a reader key with the same permissions, and lets the old one expire",
    permission: "keys:write",
    cost: 5,
    schemas: {
      path: keyPath,
      query: nothing,
      body: z.strictObject({ keep_old_seconds: keepOld }),
    },
    success: createdKey,
    codes: ["NO_SUCH_OBJECT", "WRONG_STATE"],
    change: async (client, { path: { key_id: id }, body }, { scope }) => {
      await lockVisibleReaderKey(client, scope, id);
      const { row, token } = await rotateReaderKeyRow(client, id, {
        keepOldSeconds: body.keep_old_seconds,
      });
      return createdAnswer(client, scope, { keyId: row.key_id, token });
    },
  });

const revokeReaderKey = (routes: ChangeRoutes) =>
  routes.route({
    method: "DELETE",
    path: "/api/v1/reader-keys/{key_id}",
    operationId: "revokeReaderKey",
    summary: "Revokes a reader key permanently",
    description: "All consoles reject it within 30 s.",
    permission: "keys:write",
    cost: 2,
    schemas: { path: keyPath, query: nothing },
    success: { status: 200, ...oneKey },
    codes: ["NO_SUCH_OBJECT"],
    need: async (client, { path }, { scope }) =>
      keyNeed(await lockVisibleReaderKey(client, scope, path.key_id)),
    change: async (client, { path: { key_id: id } }, { scope }) => {
      await lockVisibleReaderKey(client, scope, id);
      await revokeReaderKeyRow(client, id);
      return versionedAnswer(200, await lockVisibleReaderKey(client, scope, id));
    },
  });
