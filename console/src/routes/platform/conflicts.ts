import { z } from "zod";
import { pageAnswer } from "../../answers/answer.ts";
import type { Ask } from "../../questions/ask.ts";
import type { Cursors } from "../../questions/cursors.ts";
import { isoText, statement } from "../../questions/statement.ts";
import { asWritten, cursorParameter, nodeId, nothing, time, wholeNumber } from "../parameters.ts";
import { route } from "../route.ts";

const conflictSchema = z.object({
  detected_at: z.string(),
  time: z.string(),
  event_id: z.string(),
  node_id: z.string(),
  topic: z.string().nullable(),
  partition: z.number().int().nullable(),
  offset: z.number().int().nullable(),
  stored: z.unknown().describe("The version that came first, which is in the table."),
  received: z.unknown().describe("The version that came later, by the same names."),
});

type Row = { json: string; at: string; event_id: string; record_offset: string };

/** `GET /api/v1/conflicts`: events that came again with other content. */
export const conflictsRoute = ({ ask, cursors }: { ask: Ask; cursors: Cursors }) =>
  route({
    method: "GET",
    path: "/api/v1/conflicts",
    operationId: "listConflicts",
    summary: "Returns events that came again with other content, the newest find first",
    permission: "metrics:read",
    cost: 2,
    schemas: {
      path: nothing,
      query: z.strictObject({
        node: nodeId.optional(),
        from: time()
          .optional()
          .describe("When the conflict was found. ISO 8601, or an age such as -6h."),
        to: time().optional().describe("Not included."),
        cursor: cursorParameter,
        limit: wholeNumber({ min: 1, max: 1_000, standard: 100 }),
      }),
    },
    success: {
      status: 200,
      name: "Conflicts",
      schema: z.object({
        data: z.array(conflictSchema),
        meta: z.object({ next_cursor: z.string().nullable() }),
      }),
    },
    codes: ["INVALID_CURSOR"],
    answer: async ({ query: { cursor, limit, node, from, to } }, { scope }) => {
      const question = JSON.stringify(["conflicts", asWritten({ node, from, to })]);
      const after = cursor === undefined ? undefined : cursors.read(question, cursor);
      const rows = await ask<Row>(
        statement(scope, ({ value, visible }) => {
          const conditions = [
            visible("stored ->> 'tenant'", "node_id"),
            ...(node === undefined ? [] : [`node_id = ${value(node)}`]),
            ...(from === undefined ? [] : [`detected_at >= ${value(from)}`]),
            ...(to === undefined ? [] : [`detected_at < ${value(to)}`]),
            ...(after === undefined
              ? []
              : [
                  `detected_at <= ${value(after[0])}::timestamptz`,
                  `(detected_at, event_id, coalesce(record_offset, -1)) < (${value(after[0])}::timestamptz, ${value(after[1])}::uuid, ${value(after[2])}::bigint)`,
                ]),
          ];
          return `SELECT json_build_object(
                    'detected_at', ${isoText("detected_at")}, 'time', ${isoText("time")}, 'event_id', event_id,
                    'node_id', node_id, 'topic', topic, 'partition', partition, 'offset', record_offset,
                    'stored', stored, 'received', received)::text AS json,
                  ${isoText("detected_at")} AS at, event_id, coalesce(record_offset, -1)::text AS record_offset
                  FROM metric_conflicts WHERE ${conditions.join(" AND ")}
                  ORDER BY metric_conflicts.detected_at DESC, event_id DESC, coalesce(metric_conflicts.record_offset, -1) DESC
                  LIMIT ${value(limit + 1)}`;
        }),
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const next =
        rows.length > limit && last !== undefined
          ? cursors.write(question, [last.at, last.event_id, last.record_offset])
          : null;
      return pageAnswer(page, next);
    },
  });
