import { z } from "zod";
import { pageAnswer } from "../../answers/answer.ts";
import type { Ask } from "../../questions/ask.ts";
import type { Cursors } from "../../questions/cursors.ts";
import { isEverything } from "../../access/scope.ts";
import { isoText, statement } from "../../questions/statement.ts";
import {
  asWritten,
  cursorParameter,
  nodeId,
  nothing,
  shortText,
  time,
  wholeNumber,
} from "../parameters.ts";
import { route } from "../route.ts";
import { kindList } from "./change-kinds.ts";

const changeSchema = z.object({
  at: z.string().describe("Of alerts by the probe's clock."),
  kind: z.string().describe("Such as node.deleted; a later version may have more kinds."),
  subject: z.string().describe("The node, key, service, file, erasure or minute it is about."),
  tenant: z.string().nullable().describe("null: it is the platform's."),
  changed_by: z
    .string()
    .nullable()
    .describe("Account and application, where recorded; only for keys of all tenants."),
  detail: z.record(z.string(), z.unknown()).describe("More, by kind."),
});

/** Other kinds are about no node. */
const NODE_OF_CHANGE = "CASE WHEN kind LIKE 'node.%' OR kind LIKE 'alert.%' THEN subject END";

type Row = { json: string; at: string; kind: string; id: string };

/** `GET /api/v1/changes`: what happened when, from the view of the same name. */
export const listChangesRoute = ({ ask, cursors }: { ask: Ask; cursors: Cursors }) =>
  route({
    method: "GET",
    path: "/api/v1/changes",
    operationId: "listChanges",
    summary: "Returns what happened when, the newest first",
    description:
      "One time line of alerts, changes of nodes, keys, versions of services, circuit breakers, imports, erasures and reconciliation. Keys of one tenant see what is about it. Verdicts and gaps of the reconciler are kept for 7 days.",
    permission: "alerts:read",
    cost: 5,
    schemas: {
      path: nothing,
      query: z.strictObject({
        kind: kindList.optional(),
        node: nodeId.optional().describe("Only changes and alerts of this node."),
        tenant: shortText(63).optional(),
        from: time().optional().describe("Default: the oldest change."),
        to: time().optional().describe("Not included. Default: no limit."),
        cursor: cursorParameter,
        limit: wholeNumber({ min: 1, max: 1_000, standard: 100 }),
      }),
    },
    success: {
      status: 200,
      name: "Changes",
      schema: z.object({
        data: z.array(changeSchema),
        meta: z.object({ next_cursor: z.string().nullable() }),
      }),
    },
    codes: ["INVALID_CURSOR"],
    answer: async ({ query: { cursor, limit, ...filter } }, { scope }) => {
      const question = JSON.stringify(["changes", asWritten(filter)]);
      const after = cursor === undefined ? undefined : cursors.read(question, cursor);
      const rows = await ask<Row>(
        statement(scope, ({ value, visible }) => {
          const { kind, node, tenant, from, to } = filter;
          const conditions = [
            visible("tenant", NODE_OF_CHANGE),
            ...(kind === undefined ? [] : [`kind = ANY (${value(kind)}::text[])`]),
            ...(node === undefined
              ? []
              : [`subject = ${value(node)} AND (kind LIKE 'node.%' OR kind LIKE 'alert.%')`]),
            ...(tenant === undefined ? [] : [`tenant = ${value(tenant)}`]),
            ...(from === undefined ? [] : [`at >= ${value(from)}`]),
            ...(to === undefined ? [] : [`at < ${value(to)}`]),
            ...(after === undefined
              ? []
              : [
                  // Each branch of the view has an index by its time alone.
                  `at <= ${value(after[0])}::timestamptz`,
                  `(at, kind, id) < (${value(after[0])}::timestamptz, ${value(after[1])}, ${value(after[2])})`,
                ]),
          ];
          // Accounts of the database are nothing to a tenant.
          const [changedBy, detail] = isEverything(scope)
            ? ["changed_by", "detail"]
            : // Of a node that was moved, which other tenant it was, or is.
              ["NULL", "detail - 'tenant'"];
          return `SELECT json_build_object('at', ${isoText("at")}, 'kind', kind, 'subject', subject, 'tenant', tenant,
                                           'changed_by', ${changedBy}, 'detail', ${detail})::text AS json,
                         ${isoText("at")} AS at, kind, id
                  FROM changes WHERE ${conditions.join(" AND ")}
                  ORDER BY changes.at DESC, kind DESC, id DESC LIMIT ${value(limit + 1)}`;
        }),
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const next =
        rows.length > limit && last !== undefined
          ? cursors.write(question, [last.at, last.kind, last.id])
          : null;
      return pageAnswer(page, next);
    },
  });
