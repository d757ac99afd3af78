import { z } from "zod";
import { jsonAnswer } from "../../answers/answer.ts";
import type { Ask } from "../../questions/ask.ts";
import type { Cursors } from "../../questions/cursors.ts";
import { isoText, type Parts, statement } from "../../questions/statement.ts";
import type { TableColumns } from "../../questions/table-columns.ts";
import { tenantOfNode } from "../nodes/node-columns.ts";
import { cursorParameter, nodeId, nothing, wholeNumber } from "../parameters.ts";
import { route } from "../route.ts";

const count = z.number().int();
const number = z.number().nullable();
const qualitySchema = z.object({
  day: z.string().describe("In UTC, by the events' own time."),
  node_id: z.string(),
  events: count,
  expected: number.describe(
    "Events that the node's own rhythm lets expect; null: too few to tell.",
  ),
  interval_s: number,
  gaps: count,
  longest_gap_s: number,
  late: count,
  ahead: count,
  delay_min_ms: number,
  delay_p50_ms: number,
  delay_max_ms: number,
  out_of_range: count,
  conflicts: count,
  repeats: count,
  measured_at: z.string().nullable(),
});
type Quality = z.output<typeof qualitySchema>;

const day = z.iso
  .date()
  .refine((text) => text >= "1970-01-01" && text < "2200-01-01", "must be between 1970 and 2200")
  .describe("A day in UTC, such as 2026-11-24.");
const COUNTS = new Set([
  "events",
  "expected",
  "gaps",
  "late",
  "ahead",
  "out_of_range",
  "conflicts",
  "repeats",
]);

/** Returns the SQL expressions of a day's quality. */
const FIELDS = Object.keys(qualitySchema.shape)
  .map((name) => {
    if (name === "day") return "quality.day::text AS day";
    if (name === "measured_at") return `${isoText("quality.measured_at")} AS measured_at`;
    return COUNTS.has(name) ? `quality.${name}::float8 AS ${name}` : `quality.${name}`;
  })
  .join(", ");

/**
 * Returns the condition that the events of a node and day are of the reader's tenants, all of them: a node may have been moved to
 * another tenant since, or on that day. While the day has no roll-up, the node's tenant decides.
 */
function ofDays(visible: Parts["visible"], tenantOfNodes: string): string {
  const ofNode = visible(tenantOfNodes, "nodes.node_id");
  const ofSeries = visible("series.tenant", "series.node_id");
  const ofEvents = visible("days.tenant", "days.node_id");
  // For readers of all tenants it is true, and PostgreSQL need not be bothered.
  if (ofNode === "true") return "true";
  return `(${ofNode} OR quality.node_id IN (SELECT series.node_id FROM rollup_series AS series WHERE ${ofSeries}))
    AND coalesce(
      (SELECT bool_and(${ofEvents}) FROM metrics_series_1d AS days
       WHERE days.node_id = quality.node_id AND days.bucket = quality.day::timestamp AT TIME ZONE 'UTC'),
      ${ofNode})`;
}

/** `GET /api/v1/quality`: how complete and timely the events of each node and day are. */
export const qualityRoute = ({
  ask,
  cursors,
  columns,
}: {
  ask: Ask;
  cursors: Cursors;
  columns: TableColumns;
}) =>
  route({
    method: "GET",
    path: "/api/v1/quality",
    operationId: "listQuality",
    summary:
      "Returns how complete and timely the events of each node and day are, the newest day first",
    permission: "metrics:read",
    isKept: true,
    cost: 2,
    schemas: {
      path: nothing,
      query: z.strictObject({
        node: nodeId.optional(),
        from: day.optional(),
        to: day.optional().describe("The last day, included."),
        cursor: cursorParameter,
        limit: wholeNumber({ min: 1, max: 1_000, standard: 100 }),
      }),
    },
    success: {
      status: 200,
      name: "Quality",
      schema: z.object({
        data: z.array(qualitySchema),
        meta: z.object({ next_cursor: z.string().nullable() }),
      }),
    },
    codes: ["INVALID_CURSOR"],
    answer: async ({ query: { cursor, limit, ...filter } }, { scope }) => {
      const question = JSON.stringify(["quality", filter]);
      const after = cursor === undefined ? undefined : cursors.read(question, cursor);
      const rows = await ask<Quality>(
        statement(scope, ({ value, visible }) => {
          const conditions = [
            ofDays(visible, tenantOfNode(columns)),
            ...(filter.node === undefined ? [] : [`quality.node_id = ${value(filter.node)}`]),
            ...(filter.from === undefined ? [] : [`quality.day >= ${value(filter.from)}`]),
            ...(filter.to === undefined ? [] : [`quality.day <= ${value(filter.to)}`]),
            ...(after === undefined
              ? []
              : [
                  `(quality.day < ${value(after[0])} OR quality.day = ${value(after[0])} AND quality.node_id > ${value(after[1])})`,
                ]),
          ];
          return `SELECT ${FIELDS} FROM metric_quality_daily AS quality LEFT JOIN nodes USING (node_id)
                  WHERE ${conditions.join(" AND ")}
                  ORDER BY quality.day DESC, quality.node_id LIMIT ${value(limit + 1)}`;
        }),
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const isMore = rows.length > limit && last !== undefined;
      return jsonAnswer(200, {
        data: page,
        meta: { next_cursor: isMore ? cursors.write(question, [last.day, last.node_id]) : null },
      });
    },
  });
