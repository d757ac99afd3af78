import { createTenantLimits, type TenantLimit } from "@fiberstream/access/tenant-limits";
import { type PgClient, query } from "@fiberstream/postgres/pool";
import { z } from "zod";
import { requireEverything } from "../../administration/administers.ts";
import type { ChangeRoutes } from "../../administration/change-routes.ts";
import {
  ifMatch,
  requireVersion,
  versionedAnswer,
  versionIn,
  versionOf,
} from "../../administration/versions.ts";
import { jsonAnswer } from "../../answers/answer.ts";
import { Refusal } from "../../answers/refusal.ts";
import type { Ask } from "../../questions/ask.ts";
import { statement } from "../../questions/statement.ts";
import { nothing } from "../parameters.ts";
import { type Route, route } from "../route.ts";
import { burst, BURST_SECONDS, rate, tenantName } from "./key-bodies.ts";

const limitSchema = z.object({
  tenant: z.string(),
  rate_per_second: z.number().describe("Events of all its keys each second."),
  burst: z.number().describe("Events of all its keys at once."),
  version: z.string().describe("PATCH needs it in If-Match."),
});
const oneLimit = { name: "TenantLimit", schema: z.object({ data: limitSchema }) };
const path = z.strictObject({ tenant: tenantName });
const WHAT = "the limit of a tenant";

const versioned = (limit: TenantLimit) => ({ ...limit, version: versionOf(limit) });

/** `/api/v1/tenant-limits`: the rate that all keys of a tenant share. */
export const tenantLimitsRoutes = (routes: ChangeRoutes, ask: Ask): Route[] => [
  listLimits(ask),
  createLimit(routes),
  changeLimit(routes),
  removeLimit(routes),
];

const listLimits = (ask: Ask) =>
  route({
    method: "GET",
    path: "/api/v1/tenant-limits",
    operationId: "listTenantLimits",
    summary: "Returns the limits of tenants that have one",
    permission: "keys:read",
    cost: 1,
    schemas: { path: nothing, query: nothing },
    success: {
      status: 200,
      name: "TenantLimits",
      schema: z.object({ data: z.array(limitSchema) }),
    },
    codes: [],
    answer: async (_, { scope }) => {
      const rows = await ask<TenantLimit>(
        statement(
          scope,
          ({ visible }) =>
            `SELECT tenant, rate_per_second, burst FROM tenant_limits WHERE ${visible("tenant")}
             ORDER BY tenant LIMIT 10000`,
        ),
      );
      return jsonAnswer(200, { data: rows.map(versioned) });
    },
  });

const createLimit = (routes: ChangeRoutes) =>
  routes.route({
    method: "POST",
    path: "/api/v1/tenant-limits",
    operationId: "createTenantLimit",
    summary: "Limits how much all keys of a tenant may send together",
    description: "Only by administrators of all tenants. Takes effect within 30 s.",
    permission: "keys:write",
    cost: 2,
    schemas: {
      path: nothing,
      query: nothing,
      body: z.strictObject({
        tenant: tenantName,
        rate_per_second: rate,
        burst: burst.optional().describe("Default: ten times the rate."),
      }),
    },
    success: { status: 201, ...oneLimit },
    codes: ["NAME_TAKEN"],
    change: async (client, { body }, { scope }) => {
      requireEverything(scope, WHAT);
      const { tenant, rate_per_second: perSecond } = body;
      const limit = {
        tenant,
        rate_per_second: perSecond,
        burst: body.burst ?? Math.max(1, perSecond * BURST_SECONDS),
      };
      if ((await lockLimit(client, tenant)) !== undefined) {
        throw new Refusal(
          "NAME_TAKEN",
          `the tenant ${tenant} has a limit already: change it by PATCH`,
        );
      }
      await createTenantLimits(client).set(limit);
      return versionedAnswer(201, versioned(limit));
    },
  });

async function lockLimit(client: PgClient, tenant: string): Promise<TenantLimit | undefined> {
  const [row] = await query<TenantLimit>(
    client,
    "SELECT tenant, rate_per_second, burst FROM tenant_limits WHERE tenant = $1 FOR UPDATE",
    [tenant],
  );
  return row;
}

const changeLimit = (routes: ChangeRoutes) =>
  routes.route({
    method: "PATCH",
    path: "/api/v1/tenant-limits/{tenant}",
    operationId: "changeTenantLimit",
    summary: "Changes the limit of a tenant",
    description:
      "Only by administrators of all tenants. Takes effect within 30 s. If-Match has the version of the limit in quotes.",
    permission: "keys:write",
    cost: 2,
    schemas: {
      path,
      query: nothing,
      headers: ifMatch,
      body: z
        .strictObject({ rate_per_second: rate, burst })
        .partial()
        .refine((given) => Object.keys(given).length > 0, "must have at least one field")
        .meta({ minProperties: 1 }),
    },
    success: { status: 200, ...oneLimit },
    codes: ["NO_SUCH_OBJECT", "REVISION_CHANGED", "REVISION_REQUIRED"],
    change: async (client, { path: { tenant }, body, headers }, { scope }) => {
      requireEverything(scope, WHAT);
      const version = versionIn(headers["if-match"]);
      const limit = await lockLimit(client, tenant);
      if (limit === undefined) throw noSuchLimit(tenant);
      requireVersion(version, versioned(limit).version);
      const changed = {
        tenant,
        rate_per_second: body.rate_per_second ?? limit.rate_per_second,
        burst: body.burst ?? limit.burst,
      };
      await createTenantLimits(client).set(changed);
      return versionedAnswer(200, versioned(changed));
    },
  });

const noSuchLimit = (tenant: string) =>
  new Refusal("NO_SUCH_OBJECT", `the tenant ${tenant} has no limit of its own`);

const removeLimit = (routes: ChangeRoutes) =>
  routes.route({
    method: "DELETE",
    path: "/api/v1/tenant-limits/{tenant}",
    operationId: "removeTenantLimit",
    summary: "Removes the limit of a tenant; those of its keys remain",
    description: "Only by administrators of all tenants.",
    permission: "keys:write",
    cost: 2,
    schemas: { path, query: nothing },
    success: { status: 200, ...oneLimit },
    codes: ["NO_SUCH_OBJECT"],
    change: async (client, { path: { tenant } }, { scope }) => {
      requireEverything(scope, WHAT);
      const limit = await lockLimit(client, tenant);
      if (limit === undefined) throw noSuchLimit(tenant);
      await createTenantLimits(client).remove(tenant);
      return versionedAnswer(200, versioned(limit));
    },
  });
