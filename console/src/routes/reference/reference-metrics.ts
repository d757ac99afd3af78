import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { z } from "zod";
import type { Answer } from "../../answers/answer.ts";
import type { Ask } from "../../questions/ask.ts";
import type { OldestEvent } from "../../questions/oldest-event.ts";
import { searchBack } from "../../questions/search-back.ts";
import { isoText, statement } from "../../questions/statement.ts";
import type { TableColumns } from "../../questions/table-columns.ts";
import { tenantOfNode } from "../nodes/node-columns.ts";
import { nodeId, nothing, time, wholeNumber } from "../parameters.ts";
import { route } from "../route.ts";
import { envelope } from "./answer.ts";

const metric = z.object({
  node_id: z.string(),
  country: z.string(),
  region: z.string(),
  latency_ms: z.number().nullable().describe("null: nothing came back."),
  uptime_pct: z.number(),
  packet_loss: z.number(),
  time: z.string(),
  metadata: z.unknown(),
});

/** Each page reads all that it passes over: `/api/v1/events` has cursors. */
const MAX_OFFSET = 10_000;
/** Events that a page passes over for a cost of 1. */
const OFFSET_OF_COST = 500;
/** How far ahead of this clock the clock of a probe may be. */
const AHEAD_MS = 600_000;

/** `GET /api/metrics`: events, the newest first. */
export const referenceMetricsRoute = ({
  ask,
  oldest,
  columns,
}: {
  ask: Ask;
  oldest: OldestEvent;
  columns: TableColumns;
}) => {
  // Where a node that was moved to another tenant stands now is none of the business of the one before.
  const sameTenant = `coalesce(${tenantOfNode(columns)}, newest.tenant) = newest.tenant`;
  return route({
    method: "GET",
    path: "/api/metrics",
    operationId: "referenceMetrics",
    summary: "Returns events, the newest first",
    description:
      "meta.searched_to is not null when the search has stopped there: narrow the range, or ask for one node. Programs that read many pages use /api/v1/events.",
    permission: "metrics:read",
    cost: 5,
    schemas: {
      path: nothing,
      query: z.object({
        node_id: nodeId.optional(),
        start_time: time({ zone: "UTC" }).optional(),
        end_time: time({ zone: "UTC" }).optional(),
        limit: wholeNumber({ min: 1, max: 1_000, standard: 100 }),
        offset: wholeNumber({
          min: 0,
          max: MAX_OFFSET,
          standard: 0,
          tooLarge: `must be at most ${MAX_OFFSET}: read further pages by the cursor of /api/v1/events, or an export`,
        }),
      }),
    },
    success: {
      status: 200,
      name: "ReferenceMetrics",
      schema: envelope(
        z.object({
          count: z.number().int(),
          limit: z.number().int(),
          offset: z.number().int(),
          order: z.literal("time DESC"),
          metrics: z.array(metric),
        }),
      ),
    },
    codes: [],
    extraCost: ({ query: { offset } }) => Math.floor(offset / OFFSET_OF_COST),
    answer: async ({ query }, { scope }) => {
      const { limit, offset, node_id: node } = query;
      // The end belongs to the range, as in the reference system.
      const to = new Date((query.end_time?.getTime() ?? wallNowMs() + AHEAD_MS) + 1);
      const from = query.start_time ?? (await oldest()) ?? to;
      const rowsIn = async (window: { from: Date; to: Date }, most: number) =>
        ask<{ json: string | null }>(
          statement(scope, ({ value, visible }) => {
            // What is passed over is only counted.
            const passedOver = Math.max(0, most - limit);
            return `SELECT CASE WHEN place > ${value(passedOver)} THEN (
                      SELECT row_to_json(answered)::text FROM (
                        SELECT newest.node_id, coalesce(nodes.country, newest.country) AS country,
                               coalesce(nodes.region, newest.region) AS region,
                               latency_ms, uptime_pct, packet_loss, ${isoText("newest.time")} AS time, metadata
                      ) AS answered) END AS json
                    FROM (
                      SELECT *, row_number() OVER (ORDER BY time DESC) AS place FROM (
                        SELECT * FROM metrics
                        WHERE metrics.time >= ${value(window.from)} AND metrics.time < ${value(window.to)}
                          AND ${visible("metrics.tenant", "metrics.node_id")}
                          ${node === undefined ? "" : `AND metrics.node_id = ${value(node)}`}
                        ORDER BY metrics.time DESC LIMIT ${value(most)}
                      ) AS found
                    ) AS newest
                    LEFT JOIN nodes ON nodes.node_id = newest.node_id AND ${sameTenant}
                    ORDER BY place`;
          }),
        );
      const most = offset + limit;
      // One node's rows have an index.
      const { rows, searchedTo } =
        node === undefined
          ? await searchBack({ from, to, limit: most, rowsIn })
          : { rows: await rowsIn({ from, to }, most), searchedTo: undefined };
      return metricsAnswer(rows.slice(offset), { limit, offset, searchedTo });
    },
  });
};

/** Made of texts, so that numbers in metadata stay as they were sent. */
function metricsAnswer(
  rows: readonly { json: string | null }[],
  { limit, offset, searchedTo }: { limit: number; offset: number; searchedTo: Date | undefined },
): Answer {
  const head = JSON.stringify({ count: rows.length, limit, offset, order: "time DESC" });
  const meta = JSON.stringify({
    source: "metrics",
    searched_to: searchedTo?.toISOString() ?? null,
  });
  return {
    status: 200,
    contentType: "application/json",
    body: `{"status":"ok","data":${head.slice(0, -1)},"metrics":[${rows.map(({ json }) => json).join()}]},"meta":${meta}}`,
  };
}
