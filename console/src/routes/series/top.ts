import { z } from "zod";
import { jsonAnswer } from "../../answers/answer.ts";
import type { Ask } from "../../questions/ask.ts";
import type { ReadEdges } from "../../rollups/edges.ts";
import { filterParameters } from "../../rollups/filter.ts";
import type { KeptSince } from "../../rollups/kept-since.ts";
import { answerOfRange, chooseRange, rangeStatement } from "../../rollups/range.ts";
import { STATS } from "../../rollups/rollup-rows.ts";
import { nothing, time, wholeNumber } from "../parameters.ts";
import { route } from "../route.ts";
import { rangeMetaSchema } from "./summary.ts";

/** The reference system's score. A node without any latency counts as if its latency were 0: its loss makes it bad. */
export const SCORE = `coalesce(${STATS.latency_avg_ms}, 0) / 50 + ${STATS.packet_loss_avg} * 10 + (100 - ${STATS.uptime_avg_pct}) * 2`;

const BY = {
  score: SCORE,
  latency_p95_ms: STATS.latency_p95_ms,
  latency_avg_ms: STATS.latency_avg_ms,
  packet_loss_avg: STATS.packet_loss_avg,
  unavailability_pct: `100 - ${STATS.availability_pct}`,
  anomalies: STATS.anomalies,
  events: STATS.events,
} as const;
type By = keyof typeof BY;
const BY_NAMES = Object.keys(BY) as [By, ...By[]];

const nodeSchema = z.object({
  node_id: z.string(),
  country: z.string(),
  region: z.string(),
  value: z.number().nullable().describe("What the nodes are ordered by."),
  events: z.number().int(),
  availability_pct: z.number(),
  latency_avg_ms: z.number().nullable(),
  latency_p95_ms: z.number().nullable(),
  packet_loss_avg: z.number(),
});

/** `GET /api/v1/top`: the nodes with the highest values of a range. */
export const topRoute = ({
  ask,
  ...state
}: {
  ask: Ask;
  keptSince: KeptSince;
  readEdges: ReadEdges;
}) =>
  route({
    method: "GET",
    path: "/api/v1/top",
    operationId: "topNodes",
    summary: "Returns the worst nodes of a time range",
    description:
      "score = latency_avg_ms / 50 + packet_loss_avg × 10 + (100 − uptime_avg_pct) × 2, as in the reference system.",
    permission: "metrics:read",
    isKept: true,
    cost: 10,
    schemas: {
      path: nothing,
      query: z.strictObject({
        from: time(),
        to: time().optional(),
        by: z.enum(BY_NAMES).default("score"),
        n: wholeNumber({ min: 1, max: 1_000, standard: 10 }),
        ...filterParameters,
      }),
    },
    success: {
      status: 200,
      name: "TopNodes",
      schema: z.object({ data: z.array(nodeSchema), meta: rangeMetaSchema }),
    },
    codes: [],
    answer: async ({ query: { by, n, ...query } }, { scope }) => {
      const range = await chooseRange({ ...query, level: "series" }, state);
      const question = rangeStatement(scope, range, {
        filter: query,
        // Of p95 only those of the worst are merged, unless they decide which ones these are: merging is most of the work.
        build: ({ additive, value }) =>
          `SELECT worst.*, merged.latency_p95_ms
           FROM (
             SELECT node_id, max(country) AS country, max(region) AS region, ${BY[by]} AS value,
                    ${STATS.events} AS events, ${STATS.availability_pct} AS availability_pct,
                    ${STATS.latency_avg_ms} AS latency_avg_ms, ${STATS.packet_loss_avg} AS packet_loss_avg
             FROM ${additive} GROUP BY node_id
             ORDER BY value DESC NULLS LAST, node_id LIMIT ${value(n)}
           ) AS worst
           CROSS JOIN LATERAL (
             SELECT ${STATS.latency_p95_ms} AS latency_p95_ms FROM ${additive} WHERE additive.node_id = worst.node_id
           ) AS merged
           ORDER BY value DESC NULLS LAST, node_id`,
      });
      const { rows, meta } = await answerOfRange(ask, range, ask(question));
      return jsonAnswer(200, { data: rows, meta });
    },
  });
