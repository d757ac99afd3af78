import type { PgPool } from "@fiberstream/postgres/pool";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { z } from "zod";
import type { Turns } from "../../access/turns.ts";
import type { StreamedAnswer } from "../../answers/answer.ts";
import { copyOut } from "../../exports/copy-out.ts";
import { CONTENT_TYPES, EXPORT_FORMATS, exportFormats } from "../../exports/formats.ts";
import { currentAsking } from "../../questions/asking.ts";
import { literalStatement } from "../../questions/statement.ts";
import type { TableColumns } from "../../questions/table-columns.ts";
import { conditionParameter, nodeId, nothing, time } from "../parameters.ts";
import { route } from "../route.ts";
import { conditionFields } from "./event-fields.ts";
import { conditionOf } from "./condition.ts";

/** `GET /api/v1/export`: all events of a range, as PostgreSQL's own COPY writes them, or as Parquet. */
export const exportEventsRoute = (sources: {
  pool: PgPool;
  turns: Turns;
  columns: TableColumns;
  maxMs: number;
}) => {
  const { pool, turns, columns, maxMs } = sources;
  const fields = conditionFields(columns);
  const formats = exportFormats(columns);
  return route({
    method: "GET",
    path: "/api/v1/export",
    operationId: "exportEvents",
    summary: "Returns all events of a time range as CSV, NDJSON or Parquet, in no particular order",
    description:
      'The last line says that the answer is whole: "# end: 123 rows" in CSV, {"end":true,"rows":123} in NDJSON. An answer without it was cut. Parquet that was cut has no footer, and cannot be read. In CSV an empty field is null, and "" an empty text.',
    permission: "metrics:read",
    cost: 100,
    isStreamed: true,
    schemas: {
      path: nothing,
      query: z.strictObject({
        format: z.enum(EXPORT_FORMATS).default("csv"),
        from: time(),
        to: time().optional().describe("Not included. Default: now."),
        node: nodeId.optional(),
        where: conditionParameter,
      }),
    },
    success: {
      status: 200,
      contentTypes: Object.values(CONTENT_TYPES),
      name: "Export",
      schema: z.string(),
    },
    codes: ["INVALID_CONDITION"],
    answer: async ({ query }, asker): Promise<StreamedAnswer> => {
      const { format, from, to = new Date(wallNowMs()), node, where } = query;
      const { contentType, copy, select, through } = formats[format];
      const text = literalStatement(asker.scope, ({ value, visible }) => {
        const isVisible = visible("metrics.tenant", "metrics.node_id");
        const conditions = [
          `metrics.time >= ${value(from)}`,
          `metrics.time < ${value(to)}`,
          isVisible,
          ...(node === undefined ? [] : [`metrics.node_id = ${value(node)}`]),
          ...(where === undefined
            ? []
            : [conditionOf(where, { isVisible, fields, parameter: value })]),
        ];
        return select(`WHERE ${conditions.join(" AND ")}`);
      });
      const gone = currentAsking()?.gone;
      const end = await turns.take(asker.id, gone);
      try {
        const rows = await copyOut({ pool, query: text, format: copy, maxMs, gone });
        return {
          status: 200,
          contentType,
          headers: { "Content-Disposition": `attachment; filename="events.${format}"` },
          stream: (out) => rows.writeTo(out, through).finally(end),
        };
      } catch (error) {
        end();
        throw error;
      }
    },
  });
};
