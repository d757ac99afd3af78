import { z } from "zod";
import { isEverything } from "../../access/scope.ts";
import { versionedAnswer } from "../../administration/versions.ts";
import { jsonAnswer } from "../../answers/answer.ts";
import type { Ask } from "../../questions/ask.ts";
import type { Cursors } from "../../questions/cursors.ts";
import { ownStatement, statement } from "../../questions/statement.ts";
import { cursorParameter, nothing, shortText, wholeNumber } from "../parameters.ts";
import { type Route, route } from "../route.ts";
import { tenantName } from "./key-bodies.ts";
import {
  GRANT_FIELDS,
  type Grant,
  grantSchema,
  noSuchUser,
  USER_FIELDS,
  userSchema,
  userSeenBy,
  type UserWithGrants,
} from "./user-fields.ts";

type Sources = { readonly ask: Ask; readonly cursors: Cursors };

export const userPath = z.strictObject({ user_id: z.uuid() });

/** `GET` of `/api/v1/users`, of one of them, and of `/api/v1/grants` */
export const readUsersRoutes = (sources: Sources): Route[] => [
  listUsers(sources),
  oneUser(sources),
  listGrants(sources),
];

const listUsers = ({ ask, cursors }: Sources) =>
  route({
    method: "GET",
    path: "/api/v1/users",
    operationId: "listUsers",
    summary: "Returns the people who may sign in, with what is granted to them",
    description:
      "An administrator of one tenant sees who has a grant in it, and of these people only the grants in it.",
    permission: "users:read",
    cost: 2,
    schemas: {
      path: nothing,
      query: z.strictObject({
        q: shortText(100).optional().describe("Part of the name, in any case."),
        cursor: cursorParameter,
        limit: wholeNumber({ min: 1, max: 500, standard: 100 }),
      }),
    },
    success: {
      status: 200,
      name: "Users",
      schema: z.object({
        data: z.array(userSchema),
        meta: z.object({ next_cursor: z.string().nullable() }),
      }),
    },
    codes: ["INVALID_CURSOR"],
    answer: async ({ query: { q, cursor, limit } }, { scope }) => {
      const question = JSON.stringify(["users", q]);
      const [after] = cursor === undefined ? [] : cursors.read(question, cursor);
      const rows = await ask<UserWithGrants>(
        statement(scope, ({ value, visible }) => {
          const isOfGrant = visible("grants.tenant", "grants.node_pattern");
          const conditions = [
            isEverything(scope)
              ? "true"
              : `EXISTS (SELECT FROM grants WHERE grants.user_id = users.user_id AND ${isOfGrant})`,
            ...(q === undefined ? [] : [`position(lower(${value(q)}) IN lower(users.name)) > 0`]),
            ...(after === undefined ? [] : [`users.user_id > ${value(after)}::uuid`]),
          ];
          return `SELECT ${USER_FIELDS} FROM users WHERE ${conditions.join(" AND ")}
                  ORDER BY users.user_id LIMIT ${value(limit + 1)}`;
        }),
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const isMore = rows.length > limit && last !== undefined;
      return jsonAnswer(200, {
        data: page.flatMap((user) => userSeenBy(scope, user) ?? []),
        meta: { next_cursor: isMore ? cursors.write(question, [last.user_id]) : null },
      });
    },
  });

const oneUser = ({ ask }: Sources) =>
  route({
    method: "GET",
    path: "/api/v1/users/{user_id}",
    operationId: "getUser",
    summary: "Returns one person, with what is granted to them",
    permission: "users:read",
    cost: 1,
    schemas: { path: userPath, query: nothing },
    success: { status: 200, name: "User", schema: z.object({ data: userSchema }) },
    codes: ["NO_SUCH_OBJECT"],
    answer: async ({ path: { user_id: id } }, { scope }) => {
      const [found] = await ask<UserWithGrants>(
        // Whether it may be seen depends on all grants, which userSeenBy compares.
        ownStatement(
          ({ value }) => `SELECT ${USER_FIELDS} FROM users WHERE user_id = ${value(id)}`,
        ),
      );
      const user = found && userSeenBy(scope, found);
      if (user === undefined) throw noSuchUser();
      return versionedAnswer(200, user);
    },
  });

const listGrants = ({ ask, cursors }: Sources) =>
  route({
    method: "GET",
    path: "/api/v1/grants",
    operationId: "listGrants",
    summary: "Returns what is granted to people, the newest first",
    permission: "users:read",
    cost: 2,
    schemas: {
      path: nothing,
      query: z.strictObject({
        user_id: z.uuid().optional(),
        tenant: tenantName.optional().describe("Only grants in this tenant; not those in all."),
        cursor: cursorParameter,
        limit: wholeNumber({ min: 1, max: 1_000, standard: 100 }),
      }),
    },
    success: {
      status: 200,
      name: "Grants",
      schema: z.object({
        data: z.array(grantSchema),
        meta: z.object({ next_cursor: z.string().nullable() }),
      }),
    },
    codes: ["INVALID_CURSOR"],
    answer: async ({ query: { cursor, limit, ...filter } }, { scope }) => {
      const question = JSON.stringify(["grants", filter]);
      const after = cursor === undefined ? undefined : cursors.read(question, cursor);
      const rows = await ask<Grant>(
        statement(scope, ({ value, visible }) => {
          const conditions = [
            visible("grants.tenant", "grants.node_pattern"),
            ...(filter.user_id === undefined ? [] : [`user_id = ${value(filter.user_id)}`]),
            ...(filter.tenant === undefined ? [] : [`grants.tenant = ${value(filter.tenant)}`]),
            ...(after === undefined
              ? []
              : [
                  `(grants.created_at, grant_id) < (${value(after[0])}::timestamptz, ${value(after[1])}::uuid)`,
                ]),
          ];
          return `SELECT ${GRANT_FIELDS} FROM grants WHERE ${conditions.join(" AND ")}
                  ORDER BY grants.created_at DESC, grant_id DESC LIMIT ${value(limit + 1)}`;
        }),
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const isMore = rows.length > limit && last !== undefined;
      return jsonAnswer(200, {
        data: page,
        meta: {
          next_cursor: isMore ? cursors.write(question, [last.created_at, last.grant_id]) : null,
        },
      });
    },
  });
