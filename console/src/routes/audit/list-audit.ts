import { z } from "zod";
import { isEverything } from "../../access/scope.ts";
import { pageAnswer } from "../../answers/answer.ts";
import type { Ask } from "../../questions/ask.ts";
import type { Cursors } from "../../questions/cursors.ts";
import { isoText, statement } from "../../questions/statement.ts";
import {
  asWritten,
  cursorParameter,
  nothing,
  shortText,
  time,
  wholeNumber,
} from "../parameters.ts";
import { route } from "../route.ts";

const text = z.string().nullable();
const ofPlatform = text.describe("Only for those who may see all tenants; else null.");
const fields = z.record(z.string(), z.unknown()).nullable();

const entrySchema = z.object({
  seq: z.number().int(),
  at: z.string(),
  tenant: text.describe("null: it is the platform's."),
  actor_kind: z
    .string()
    .describe("user, key, operator, service, system, anonymous; database: nobody said who acts."),
  actor: z.string().describe("Id of who acted."),
  actor_name: ofPlatform.describe(
    "null: none is known, it was erased, or the reader may not see all tenants.",
  ),
  database_role: ofPlatform,
  session: ofPlatform,
  address: ofPlatform,
  request_id: ofPlatform,
  action: z.string().describe("Such as node.changed; a later version may have more."),
  object_kind: z.string(),
  object: z.string(),
  outcome: z.enum(["ok", "denied", "failed"]),
  reason: text,
  before: fields.describe("What changed, as it was; null: it was not there, or nothing changed."),
  after: fields.describe(
    "What changed, as it is since; null: it is not there, or nothing changed.",
  ),
  hash: z.string().describe("Of the entry, in hexadecimal digits."),
});

type Row = { json: string; seq: number };

/** Entries about a node are those of whoever sees the node; all others need the whole tenant. */
const NODE_OF_ENTRY = "CASE WHEN object_kind = 'node' THEN object END";

/** `GET /api/v1/audit`: who changed what. */
export const listAuditRoute = ({ ask, cursors }: { ask: Ask; cursors: Cursors }) =>
  route({
    method: "GET",
    path: "/api/v1/audit",
    operationId: "listAudit",
    summary: "Returns entries of the audit log, the newest first",
    description:
      "What people and tools changed, or tried to. Those who may see one tenant get the entries about it, without what is the platform's: addresses, accounts and names.",
    permission: "audit:read",
    cost: 5,
    schemas: {
      path: nothing,
      query: z.strictObject({
        actor: shortText(200).optional().describe("Id of who acted."),
        action: shortText(100)
          .optional()
          .describe("An action, or all of a kind with a dot at the end: key."),
        object: shortText(500).optional().describe("Id of what it is about, such as a node."),
        outcome: z.enum(["ok", "denied", "failed"]).optional(),
        tenant: shortText(63).optional(),
        from: time().optional().describe("Default: the first entry."),
        to: time().optional().describe("Not included. Default: no limit."),
        cursor: cursorParameter,
        // Usually 1 kB each, and at most about 150 kB.
        limit: wholeNumber({ min: 1, max: 100, standard: 50 }),
      }),
    },
    success: {
      status: 200,
      name: "AuditEntries",
      schema: z.object({
        data: z.array(entrySchema),
        meta: z.object({ next_cursor: z.string().nullable() }),
      }),
    },
    codes: ["INVALID_CURSOR"],
    answer: async ({ query: { cursor, limit, ...filter } }, { scope }) => {
      const question = JSON.stringify(["audit", asWritten(filter)]);
      const after = cursor === undefined ? undefined : cursors.read(question, cursor);
      const rows = await ask<Row>(
        statement(scope, ({ value, visible }) => {
          const { actor, action, object, outcome, tenant, from, to } = filter;
          const conditions = [
            visible("tenant", NODE_OF_ENTRY),
            ...(actor === undefined ? [] : [`actor = ${value(actor)}`]),
            ...(action === undefined
              ? []
              : action.endsWith(".")
                ? [`starts_with(action, ${value(action)})`]
                : [`action = ${value(action)}`]),
            ...(object === undefined ? [] : [`object = ${value(object)}`]),
            ...(outcome === undefined ? [] : [`outcome = ${value(outcome)}`]),
            ...(tenant === undefined ? [] : [`tenant = ${value(tenant)}`]),
            ...(from === undefined ? [] : [`at >= ${value(from)}`]),
            ...(to === undefined ? [] : [`at < ${value(to)}`]),
            ...(after === undefined ? [] : [`seq < ${value(after[0])}::bigint`]),
          ];
          const ofAll = isEverything(scope);
          const forAll = (expression: string) => (ofAll ? expression : "NULL");
          // Of a node that was moved, which other tenant it was, or is.
          const changed = (column: string) => (ofAll ? column : `${column} - 'tenant'`);
          return `SELECT json_build_object(
                    'seq', seq, 'at', ${isoText("at")}, 'tenant', tenant, 'actor_kind', actor_kind, 'actor', actor,
                    'actor_name', ${forAll("(SELECT name FROM actors WHERE kind = actor_kind AND actor_id = actor)")},
                    'database_role', ${forAll("database_role")}, 'session', ${forAll("session")},
                    'address', ${forAll("address")}, 'request_id', ${forAll("request_id")},
                    'action', action, 'object_kind', object_kind, 'object', object, 'outcome', outcome, 'reason', reason,
                    'before', ${changed("before")}, 'after', ${changed("after")}, 'hash', encode(hash, 'hex'))::text AS json,
                  seq::float8 AS seq
                  FROM audit_log WHERE ${conditions.join(" AND ")}
                  ORDER BY audit_log.seq DESC LIMIT ${value(limit + 1)}`;
        }),
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const next =
        rows.length > limit && last !== undefined ? cursors.write(question, [last.seq]) : null;
      return pageAnswer(page, next);
    },
  });
