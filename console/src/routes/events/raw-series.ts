import { z } from "zod";
import { jsonAnswer } from "../../answers/answer.ts";
import { Refusal } from "../../answers/refusal.ts";
import type { Ask } from "../../questions/ask.ts";
import { statement } from "../../questions/statement.ts";
import { nodeId, nothing, shortText, time, wholeNumber } from "../parameters.ts";
import { route } from "../route.ts";

const DAY_MS = 86_400_000;
const MAX_DAYS = 31;

/** The points of one pixel column that a line through all points would show. Times are ms since 1970. */
type Pixel = {
  events: number;
  without: number;
  first_at: number | null;
  first: number | null;
  min_at: number | null;
  min: number | null;
  max_at: number | null;
  max: number | null;
  last_at: number | null;
  last: number | null;
  begins_at: number;
};

/** `GET /api/v1/raw-series`: a node's events as a line of at most four points for each pixel (M4), so that no spike is lost. */
export const rawSeriesRoute = ({ ask }: { ask: Ask }) =>
  route({
    method: "GET",
    path: "/api/v1/raw-series",
    operationId: "rawSeries",
    summary: "Returns a node's events as a line, without losing a spike",
    description:
      "Of the events of each pixel the first, the last, the lowest and the highest one are returned (M4): the drawn line is the same as that of all events.",
    permission: "metrics:read",
    cost: 10,
    schemas: {
      path: nothing,
      query: z.strictObject({
        node: nodeId,
        metric: z.enum(["latency_ms", "packet_loss", "uptime_pct"]).default("latency_ms"),
        from: time(),
        to: time().describe("Not included; at most 31 days after from."),
        pixels: wholeNumber({ min: 1, max: 4_000, standard: 1_000 }),
        probe_type: shortText(50).optional(),
        target_host: shortText(255).optional(),
      }),
    },
    success: {
      status: 200,
      name: "RawSeries",
      schema: z.object({
        data: z.object({
          t: z.array(z.number()).describe("Times in ms since 1970, in order."),
          v: z.array(z.number()).describe("The values at these times."),
          without_value: z
            .array(z.tuple([z.number(), z.number().int()]))
            .describe(
              "Pixels with events that have no value: when the pixel begins, and how many.",
            ),
        }),
        meta: z.object({
          source: z.literal("metrics"),
          events: z.number().int().describe("How many events the line stands for."),
          pixel_ms: z.number(),
        }),
      }),
    },
    codes: ["WINDOW_TOO_LARGE"],
    answer: async ({ query }, { scope }) => {
      const { node, metric, from, to, pixels } = query;
      const spanMs = to.getTime() - from.getTime();
      if (spanMs <= 0) throw new Refusal("INVALID_PARAMETER", "to: must be after from");
      if (spanMs > MAX_DAYS * DAY_MS) {
        throw new Refusal(
          "WINDOW_TOO_LARGE",
          `at most ${MAX_DAYS} days: ask series for longer ranges`,
        );
      }
      const pixelMs = Math.max(1, spanMs / pixels);
      const rows = await ask<Pixel>(
        statement(scope, ({ value, visible }) => {
          const conditions = [
            `node_id = ${value(node)}`,
            `time >= ${value(from)}`,
            `time < ${value(to)}`,
            visible("tenant", "node_id"),
            ...(query.probe_type === undefined ? [] : [`probe_type = ${value(query.probe_type)}`]),
            ...(query.target_host === undefined
              ? []
              : [`target_host = ${value(query.target_host)}`]),
          ];
          return `SELECT min(at) AS begins_at, count(*)::float8 AS events,
                    count(*) FILTER (WHERE v IS NULL)::float8 AS without,
                    min(at) FILTER (WHERE v IS NOT NULL) AS first_at, first(v, at) FILTER (WHERE v IS NOT NULL) AS first,
                    first(at, v) FILTER (WHERE v IS NOT NULL) AS min_at, min(v) AS min,
                    last(at, v) FILTER (WHERE v IS NOT NULL) AS max_at, max(v) AS max,
                    max(at) FILTER (WHERE v IS NOT NULL) AS last_at, last(v, at) FILTER (WHERE v IS NOT NULL) AS last
                  FROM (
                    SELECT (extract(epoch FROM time) * 1000)::double precision AS at, ${metric} AS v
                    FROM metrics WHERE ${conditions.join(" AND ")}
                  ) AS points
                  GROUP BY floor((at - ${value(from.getTime())}::double precision) / ${value(pixelMs)}::double precision)
                  ORDER BY 1`;
        }),
      );
      const points = rows.flatMap(pointsOf);
      return jsonAnswer(200, {
        data: {
          t: points.map(([t]) => t),
          v: points.map(([, v]) => v),
          without_value: rows
            .filter(({ without }) => without > 0)
            .map(({ begins_at: at, without }) => [at, without]),
        },
        meta: {
          source: "metrics",
          events: rows.reduce((sum, { events }) => sum + events, 0),
          pixel_ms: pixelMs,
        },
      });
    },
  });

/** Returns the different points of a pixel, in order. */
function pointsOf(pixel: Pixel): [number, number][] {
  const all: [number | null, number | null][] = [
    [pixel.first_at, pixel.first],
    [pixel.min_at, pixel.min],
    [pixel.max_at, pixel.max],
    [pixel.last_at, pixel.last],
  ];
  const points: [number, number][] = [];
  for (const [t, v] of all) {
    if (t === null || v === null) continue;
    // Several targets may have been measured at the same time.
    if (!points.some(([at, of]) => at === t && of === v)) points.push([t, v]);
  }
  return points.sort(([one], [other]) => one - other);
}
