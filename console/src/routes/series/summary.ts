import { z } from "zod";
import { jsonAnswer } from "../../answers/answer.ts";
import type { Ask } from "../../questions/ask.ts";
import type { ReadEdges } from "../../rollups/edges.ts";
import { filterParameters, levelOf } from "../../rollups/filter.ts";
import type { KeptSince } from "../../rollups/kept-since.ts";
import { answerOfRange, chooseRange, rangeStatement } from "../../rollups/range.ts";
import { type Stat, STAT_NAMES, STATS } from "../../rollups/rollup-rows.ts";
import { cachingOf } from "../../rollups/validity.ts";
import { nothing, time } from "../parameters.ts";
import { route } from "../route.ts";

export const rangeMetaSchema = z.object({
  from: z.string().describe("The range that was read: whole buckets of the roll-up."),
  to: z.string(),
  source: z.string(),
  complete: z.boolean().describe("false: late events of the range are being counted."),
  warnings: z.array(z.string()),
});

const figures = z.partialRecord(z.enum(STAT_NAMES), z.number().nullable());

/** `GET /api/v1/summary`: the figures of a range as a whole. */
export const summaryRoute = ({
  ask,
  ...state
}: {
  ask: Ask;
  keptSince: KeptSince;
  readEdges: ReadEdges;
}) =>
  route({
    method: "GET",
    path: "/api/v1/summary",
    operationId: "summary",
    summary: "Returns the figures of a time range as a whole",
    permission: "metrics:read",
    isKept: true,
    cost: 5,
    schemas: {
      path: nothing,
      query: z.strictObject({ from: time(), to: time().optional(), ...filterParameters }),
    },
    success: {
      status: 200,
      name: "Summary",
      schema: z.object({ data: figures, meta: rangeMetaSchema }),
    },
    codes: [],
    answer: async ({ query }, { scope }) => {
      const range = await chooseRange({ ...query, level: levelOf(query, scope) }, state);
      const all = STAT_NAMES.map((stat) => `${STATS[stat]} AS ${stat}`).join(", ");
      const question = rangeStatement(scope, range, {
        filter: query,
        build: ({ additive }) => `SELECT ${all} FROM ${additive}`,
      });
      const asked = ask<Record<Stat, number | null>>(question);
      const { rows, pending, meta } = await answerOfRange(ask, range, asked);
      const { edges, resolution } = range;
      return jsonAnswer(
        200,
        { data: rows[0] ?? {}, meta },
        cachingOf(resolution, { nowMs: edges.nowMs, isPending: pending }),
      );
    },
  });
