import { z } from "zod";
import { jsonAnswer } from "../../answers/answer.ts";
import type { Ask } from "../../questions/ask.ts";
import { ownStatement, statement } from "../../questions/statement.ts";
import type { ReadEdges } from "../../rollups/edges.ts";
import { filterConditions, filterParameters, levelOf } from "../../rollups/filter.ts";
import type { KeptSince } from "../../rollups/kept-since.ts";
import { chooseResolution, WIDTH_NAMES } from "../../rollups/resolution.ts";
import { NODE_COLUMN, rollupRows } from "../../rollups/rollup-rows.ts";
import { cachingOf, isPending } from "../../rollups/validity.ts";
import { nothing, time, wholeNumber } from "../parameters.ts";
import { route } from "../route.ts";
import { rangeMetaSchema } from "./summary.ts";

/** `GET /api/v1/histogram`: the distribution of latency in each bucket of a range, for smoke and heat maps. */
export const histogramRoute = ({
  ask,
  keptSince,
  readEdges,
}: {
  ask: Ask;
  keptSince: KeptSince;
  readEdges: ReadEdges;
}) =>
  route({
    method: "GET",
    path: "/api/v1/histogram",
    operationId: "histogram",
    summary: "Returns the distribution of latency over time, for smoke charts and heat maps",
    description: "Each bin's edges differ by 4 %; only bins with events are returned.",
    permission: "metrics:read",
    isKept: true,
    cost: 10,
    schemas: {
      path: nothing,
      query: z.strictObject({
        from: time(),
        to: time().optional(),
        max_points: wholeNumber({ min: 1, max: 2_000, standard: 300 }),
        resolution: z.enum(WIDTH_NAMES).optional(),
        ...filterParameters,
      }),
    },
    success: {
      status: 200,
      name: "Histogram",
      schema: z.object({
        data: z.object({
          edges_ms: z
            .record(z.string(), z.tuple([z.number(), z.number()]))
            .describe("Lower and upper edge of each bin that occurs, by its number."),
          buckets: z.array(
            z.object({
              t: z.string().describe("Beginning of the bucket."),
              bins: z
                .array(z.tuple([z.number().int(), z.number().int()]))
                .describe("Bin and count."),
              events: z.number().int(),
              without_latency: z.number().int(),
            }),
          ),
        }),
        meta: rangeMetaSchema.extend({ step_ms: z.number().int() }),
      }),
    },
    codes: ["TOO_MANY_POINTS"],
    answer: async ({ query }, { scope }) => {
      const edges = await readEdges();
      const { nowMs } = edges;
      const {
        from,
        to = new Date(Math.floor(nowMs / 1_000) * 1_000),
        max_points: maxPoints,
      } = query;
      const level = levelOf(query, scope);
      const kept = await keptSince(level);
      const resolution = chooseResolution({
        from,
        to,
        maxPoints,
        keptSince: kept,
        forced: query.resolution,
      });
      const { stepMs, width } = resolution;
      const question = statement(scope, ({ value, visible }) => {
        const additive = rollupRows({
          ...resolution,
          level,
          edges,
          value,
          conditions: [visible("tenant", NODE_COLUMN[level]), ...filterConditions(query, value)],
        });
        const place = `floor((extract(epoch FROM bucket) * 1000 - ${value(resolution.from.getTime())}::double precision) / ${value(stepMs)}::double precision)::integer`;
        return `SELECT place, events, measured, (
                    SELECT json_agg(json_build_array((entry >> 48)::integer, entry & 281474976710655) ORDER BY entry >> 48)
                    FROM unnest(bins) AS entry
                  ) AS bins
                  FROM (
                    SELECT ${place} AS place, sum(events)::double precision AS events,
                           sum(measured)::double precision AS measured, latency_merge(latency_bins) AS bins
                    FROM (${additive}) AS additive GROUP BY 1
                  ) AS merged ORDER BY place`;
      });
      // Before the rows, so that an answer without what waits never counts as complete.
      const pending = await isPending(ask, resolution, edges);
      const rows = await ask<Row>(question);
      const numbers = [...new Set(rows.flatMap(({ bins }) => (bins ?? []).map(([bin]) => bin)))];
      return jsonAnswer(
        200,
        {
          data: {
            edges_ms: await readBinEdges(ask, numbers),
            buckets: rows.map(({ place, bins, events, measured }) => ({
              t: new Date(resolution.from.getTime() + place * stepMs).toISOString(),
              bins: bins ?? [],
              events,
              without_latency: events - measured,
            })),
          },
          meta: {
            from: resolution.from.toISOString(),
            to: resolution.to.toISOString(),
            step_ms: stepMs,
            source: `metrics_${level}_${width.name}`,
            complete: !pending,
            warnings: resolution.warnings,
          },
        },
        cachingOf(resolution, { nowMs, isPending: pending }),
      );
    },
  });

type Row = { place: number; events: number; measured: number; bins: [number, number][] | null };

async function readBinEdges(
  ask: Ask,
  bins: readonly number[],
): Promise<Record<string, [number, number]>> {
  const rows = await ask<{ bin: number; lower: number; upper: number }>(
    ownStatement(
      ({ value }) =>
        `SELECT bin, latency_bin_from_ms(bin) AS lower, latency_bin_from_ms(bin + 1) AS upper
         FROM unnest(${value(bins)}::integer[]) AS bin`,
    ),
  );
  return Object.fromEntries(rows.map(({ bin, lower, upper }) => [bin, [lower, upper]]));
}
