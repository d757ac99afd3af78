import { ADVISORY_LOCKS } from "@fiberstream/postgres/advisory-locks";
import { type PgClient, query } from "@fiberstream/postgres/pool";
import { RowRefusedError } from "@fiberstream/postgres/postgres-errors";
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
import { Refusal } from "../../answers/refusal.ts";
import type { Ask } from "../../questions/ask.ts";
import { ownStatement } from "../../questions/statement.ts";
import { nothing } from "../parameters.ts";
import { type Route, route } from "../route.ts";

/** What is kept how long, with a relation of `data_lifecycle` that says it, in the order of the function change_retention. */
const KEPT = {
  raw_days: { relation: "metrics", what: "events" },
  minutes_days: { relation: "metrics_1m", what: "roll-ups of 1 and 5 minutes" },
  hourly_days: { relation: "metrics_1h", what: "hourly roll-ups" },
  daily_days: { relation: "metrics_1d", what: "daily roll-ups" },
  conflicts_days: { relation: "metric_conflicts", what: "conflicting events" },
  history_days: { relation: "changes", what: "alerts and changes" },
} as const;
type Name = keyof typeof KEPT;
const NAMES = Object.keys(KEPT) as Name[];

type Days = Readonly<Record<Name, number>>;
const daysSchema = z.object(
  Object.fromEntries(
    NAMES.map((name) => [name, z.number().int().describe(KEPT[name].what)]),
  ) as Record<Name, z.ZodNumber>,
);
const retentionSchema = daysSchema.extend({
  least: daysSchema.describe("What the migration step has set; nothing is kept for less."),
  version: z.string().describe("PATCH needs it in If-Match."),
});
const success = { status: 200, name: "Retention", schema: z.object({ data: retentionSchema }) };

/** `GET` and `PATCH` of `/api/v1/retention` */
export const retentionRoutes = (routes: ChangeRoutes, ask: Ask): Route[] => [
  readRetention(ask),
  changeRetention(routes),
];

const SELECT = `
  SELECT relation, extract(day FROM justify_hours(drop_after))::integer AS days,
         extract(day FROM justify_hours(coalesce(deployed_drop_after, drop_after)))::integer AS least
  FROM data_lifecycle`;
type Row = { relation: string; days: number; least: number };

function retentionOf(rows: readonly Row[]) {
  const of = (column: "days" | "least") =>
    Object.fromEntries(
      NAMES.map((name) => [
        name,
        rows.find(({ relation }) => relation === KEPT[name].relation)?.[column] ?? 0,
      ]),
    ) as Days;
  const days = of("days");
  return { ...days, least: of("least"), version: versionOf(days) };
}

const readRetention = (ask: Ask) =>
  route({
    method: "GET",
    path: "/api/v1/retention",
    operationId: "getRetention",
    summary: "Returns how many days data is kept",
    permission: "pipeline:read",
    cost: 1,
    schemas: { path: nothing, query: nothing },
    success,
    codes: [],
    // The same for everybody: it says nothing about a tenant's data.
    answer: async () =>
      versionedAnswer(200, retentionOf(await ask<Row>(ownStatement(() => SELECT)))),
  });

const changeRetention = (routes: ChangeRoutes) =>
  routes.route({
    method: "PATCH",
    path: "/api/v1/retention",
    operationId: "changeRetention",
    summary: "Changes how many days data is kept: at least as long as the migration step has set",
    description:
      "Only by administrators of all tenants. A shorter time deletes data within 10 minutes. A roll-up cannot be kept for less time than what it is computed from. If-Match has the ETag of the retention, or its version in quotes.",
    permission: "retention:write",
    cost: 2,
    schemas: {
      path: nothing,
      query: nothing,
      headers: ifMatch,
      body: z
        .strictObject(
          Object.fromEntries(
            NAMES.map((name) => [name, z.number().int().min(1).max(36_500)]),
          ) as Record<Name, z.ZodNumber>,
        )
        .partial()
        .refine((given) => Object.keys(given).length > 0, "must have at least one field")
        .meta({ minProperties: 1 }),
    },
    success,
    codes: ["REVISION_CHANGED", "REVISION_REQUIRED"],
    need: async (client, { body }) => {
      const now = await lockRetention(client);
      const isShorter = NAMES.some((name) => (body[name] ?? now[name]) < now[name]);
      return isShorter ? { action: "retention", tenant: null } : undefined;
    },
    change: async (client, { body, headers }, { scope }) => {
      requireEverything(scope, "how long data is kept");
      const version = versionIn(headers["if-match"]);
      const now = await lockRetention(client);
      requireVersion(version, now.version);
      try {
        await query(
          client,
          "SELECT change_retention($1, $2, $3, $4, $5, $6)",
          NAMES.map((name) => body[name] ?? now[name]),
        );
      } catch (error) {
        throw error instanceof RowRefusedError
          ? new Refusal("INVALID_FIELD", error.message)
          : error;
      }
      return versionedAnswer(200, await lockRetention(client));
    },
  });

/** The lock of the migration step, so that both do not set it at the same time. */
async function lockRetention(client: PgClient) {
  await query(client, `SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.dataLifecycle})`);
  return retentionOf(await query<Row>(client, SELECT));
}
