import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { z } from "zod";
import { pageAnswer } from "../../answers/answer.ts";
import type { Ask } from "../../questions/ask.ts";
import type { Cursors } from "../../questions/cursors.ts";
import type { OldestEvent } from "../../questions/oldest-event.ts";
import { searchBack } from "../../questions/search-back.ts";
import { statement } from "../../questions/statement.ts";
import type { TableColumns } from "../../questions/table-columns.ts";
import {
  asWritten,
  conditionParameter,
  cursorParameter,
  nodeId,
  nothing,
  time,
  wholeNumber,
} from "../parameters.ts";
import { route } from "../route.ts";
import { conditionOf } from "./condition.ts";
import { conditionFields, eventFields, eventSchema } from "./event-fields.ts";

/** How far ahead of this clock the clock of a probe may be. */
const AHEAD_MS = 600_000;
/** Sorts before every event id. */
const LOWEST_ID = "00000000-0000-0000-0000-000000000000";

type Row = { json: string; at: string; event_id: string };

/** `GET /api/v1/events`: events that match a condition, the newest first. */
export const listEventsRoute = (sources: {
  ask: Ask;
  oldest: OldestEvent;
  cursors: Cursors;
  columns: TableColumns;
}) => {
  const { ask, oldest, cursors, columns } = sources;
  const fields = conditionFields(columns);
  return route({
    method: "GET",
    path: "/api/v1/events",
    operationId: "listEvents",
    summary: "Returns events, the newest first",
    description:
      "A page that ends before the search has found enough events has fewer than limit (even none), and a next_cursor with which the search goes on.",
    permission: "metrics:read",
    cost: 5,
    schemas: {
      path: nothing,
      query: z.strictObject({
        node: nodeId.optional(),
        from: time()
          .optional()
          .describe("Default: the oldest event. ISO 8601, or an age such as -6h."),
        to: time().optional().describe("Not included. Default: now."),
        where: conditionParameter,
        cursor: cursorParameter,
        limit: wholeNumber({ min: 1, max: 1_000, standard: 100 }),
      }),
    },
    success: {
      status: 200,
      name: "Events",
      schema: z.object({
        data: z.array(eventSchema),
        meta: z.object({
          next_cursor: z
            .string()
            .nullable()
            .describe("null: there are no older events in the range."),
        }),
      }),
    },
    codes: ["INVALID_CURSOR", "INVALID_CONDITION"],
    answer: async ({ query }, { scope }) => {
      const { node, where, cursor, limit } = query;
      const { from: givenFrom = null, to: givenTo = null } = query;
      const question = JSON.stringify([
        "events",
        asWritten({ node, where, from: query.from, to: query.to }),
      ]);
      const position = cursor === undefined ? undefined : cursors.read(question, cursor);
      // A page begins where the page before has ended, also if newer events have come since.
      const before = position?.map(String) ?? [
        (givenTo ?? new Date(wallNowMs() + AHEAD_MS)).toISOString(),
        LOWEST_ID,
      ];
      const to = new Date(Date.parse(before[0] ?? "") + 1);
      const from = givenFrom ?? (await oldest()) ?? to;

      const rowsIn = (window: { from: Date; to: Date }, most: number) =>
        ask<Row>(
          statement(scope, ({ value, visible }) => {
            const isVisible = visible("metrics.tenant", "metrics.node_id");
            const conditions = [
              `metrics.time >= ${value(window.from)}`,
              `metrics.time < ${value(window.to)}`,
              `(metrics.time, metrics.event_id) < (${value(before[0])}::timestamptz, ${value(before[1])}::uuid)`,
              isVisible,
              ...(node === undefined ? [] : [`metrics.node_id = ${value(node)}`]),
              ...(where === undefined
                ? []
                : [conditionOf(where, { isVisible, fields, parameter: value })]),
            ];
            return `SELECT row_to_json(answered)::text AS json, answered.time AS at, answered.event_id
                    FROM (
                      SELECT ${eventFields(columns)} FROM metrics WHERE ${conditions.join(" AND ")}
                      ORDER BY metrics.time DESC, metrics.event_id DESC LIMIT ${value(most)}
                    ) AS answered`;
          }),
        );
      // One node's rows have an index.
      const { rows, searchedTo } =
        node === undefined
          ? await searchBack({ from, to, limit: limit + 1, rowsIn })
          : { rows: await rowsIn({ from, to }, limit + 1), searchedTo: undefined };
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const next =
        rows.length > limit && last !== undefined
          ? [last.at, last.event_id]
          : searchedTo && [searchedTo.toISOString(), LOWEST_ID];
      return pageAnswer(page, next === undefined ? null : cursors.write(question, next));
    },
  });
};
