import { z } from "zod";
import { jsonAnswer } from "../../answers/answer.ts";
import type { Ask } from "../../questions/ask.ts";
import type { Cursors } from "../../questions/cursors.ts";
import { statement } from "../../questions/statement.ts";
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
import {
  ALERT_FIELDS,
  ALERT_STATES,
  type AlertFields,
  alertSchema,
  linked,
} from "./alert-fields.ts";

/** `GET /api/v1/alerts`: the alerts of nodes, those that are open and those that were. */
export const listAlertsRoute = ({ ask, cursors }: { ask: Ask; cursors: Cursors }) =>
  route({
    method: "GET",
    path: "/api/v1/alerts",
    operationId: "listAlerts",
    summary: "Returns alerts of nodes, those that were opened last first",
    description:
      "The processor opens and resolves them. An alert is in the range if it was open at some time in it.",
    permission: "alerts:read",
    cost: 2,
    schemas: {
      path: nothing,
      query: z.strictObject({
        node: nodeId.optional(),
        tenant: shortText(63).optional(),
        kind: shortText(50).optional().describe("latency or packet_loss."),
        state: z.enum(ALERT_STATES).optional(),
        from: time().optional().describe("Default: the oldest alert."),
        to: time().optional().describe("Not included. Default: no limit."),
        cursor: cursorParameter,
        limit: wholeNumber({ min: 1, max: 1_000, standard: 100 }),
      }),
    },
    success: {
      status: 200,
      name: "Alerts",
      schema: z.object({
        data: z.array(alertSchema),
        meta: z.object({ next_cursor: z.string().nullable() }),
      }),
    },
    codes: ["INVALID_CURSOR"],
    answer: async ({ query: { cursor, limit, ...filter } }, { scope }) => {
      const question = JSON.stringify(["alerts", asWritten(filter)]);
      const after = cursor === undefined ? undefined : cursors.read(question, cursor);
      const rows = await ask<AlertFields>(
        statement(scope, ({ value, visible }) => {
          const { node, tenant, kind, state, from, to } = filter;
          const conditions = [
            visible("tenant", "node_id"),
            ...(node === undefined ? [] : [`node_id = ${value(node)}`]),
            ...(tenant === undefined ? [] : [`tenant = ${value(tenant)}`]),
            ...(kind === undefined ? [] : [`kind = ${value(kind)}`]),
            // A text, so that the index of open ones serves it.
            ...(state === undefined ? [] : [`state = '${state}'`]),
            ...(from === undefined
              ? []
              : [
                  `(ended_at >= ${value(from)} OR ended_at IS NULL OR opened_at >= ${value(from)})`,
                ]),
            ...(to === undefined ? [] : [`opened_at < ${value(to)}`]),
            ...(after === undefined
              ? []
              : [
                  `(opened_at, alert_id, kind) < (${value(after[0])}::timestamptz, ${value(after[1])}::uuid, ${value(after[2])})`,
                ]),
          ];
          return `SELECT ${ALERT_FIELDS} FROM node_alerts WHERE ${conditions.join(" AND ")}
                  ORDER BY node_alerts.opened_at DESC, alert_id DESC, kind DESC LIMIT ${value(limit + 1)}`;
        }),
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const isMore = rows.length > limit && last !== undefined;
      const position = last && [last.opened_at, last.alert_id, last.kind];
      return jsonAnswer(200, {
        data: page.map(linked),
        meta: { next_cursor: isMore && position ? cursors.write(question, position) : null },
      });
    },
  });
