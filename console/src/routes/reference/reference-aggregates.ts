import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { z } from "zod";
import { Refusal } from "../../answers/refusal.ts";
import type { Ask } from "../../questions/ask.ts";
import type { ReadEdges } from "../../rollups/edges.ts";
import type { KeptSince } from "../../rollups/kept-since.ts";
import { levelOf } from "../../rollups/filter.ts";
import { answerOfRange, chooseRange, type Range, rangeStatement } from "../../rollups/range.ts";
import { keptWarnings, WIDTHS } from "../../rollups/resolution.ts";
import { STATS } from "../../rollups/rollup-rows.ts";
import { nothing, time, wholeNumber } from "../parameters.ts";
import { type Route, route } from "../route.ts";
import { SCORE } from "../series/top.ts";
import { DAY_MS, envelope, okAnswer } from "./answer.ts";

type Sources = {
  readonly ask: Ask;
  readonly keptSince: KeptSince;
  readonly readEdges: ReadEdges;
};

/** `GET /api/metrics/aggregated` and `GET /api/metrics/cluster`, with the shapes of the reference system and true p95. */
export const referenceAggregatesRoutes = (sources: Sources): Route[] => [
  aggregated(sources),
  cluster(sources),
];

/** The reference system's clients may send times without a zone, which mean UTC. */
const utc = () => time({ zone: "UTC" }).optional();
const rangeOf = (query: { start_time?: Date | undefined; end_time?: Date | undefined }) => {
  const to = query.end_time ?? new Date(Math.floor(wallNowMs() / 1_000) * 1_000);
  return { from: query.start_time ?? new Date(to.getTime() - DAY_MS), to };
};

const aggregate = z.object({
  dimension: z.string().describe("The node, or region/country."),
  avg_latency: z
    .number()
    .describe("0 where no event has a latency, as the reference system answers."),
  min_latency: z.number(),
  max_latency: z.number(),
  p95_latency: z.number(),
  avg_packet_loss: z.number(),
  reporting_count: z.number().int().describe("Events."),
  downtime_intervals: z
    .number()
    .int()
    .describe("Intervals in which an event had no latency, or an uptime below 100 %."),
  availability_pct: z.number().describe("Share of the events that have a latency."),
});

const aggregated = ({ ask, ...state }: Sources) =>
  route({
    method: "GET",
    path: "/api/metrics/aggregated",
    operationId: "referenceAggregated",
    summary: "Returns the figures of a time range by node or by region",
    permission: "metrics:read",
    isKept: true,
    cost: 10,
    schemas: {
      path: nothing,
      query: z.object({
        dimension: z.enum(["region", "node"]),
        start_time: utc().describe("Default: 24 h before the end."),
        end_time: utc().describe("Default: now."),
        interval: z
          .enum(["1m", "5m", "1h", "1d", "auto"])
          .default("auto")
          .describe("What downtime_intervals counts; auto: as the range is long."),
        prefer_freshness: z
          .enum(["true", "false"])
          .optional()
          .describe("Without effect: answers always have the events of the last minute."),
      }),
    },
    success: { status: 200, name: "ReferenceAggregated", schema: envelope(z.array(aggregate)) },
    codes: ["TOO_MANY_POINTS"],
    answer: async ({ query }, { scope }) => {
      const { from, to } = rangeOf(query);
      const isByNode = query.dimension === "node";
      const level = isByNode ? "series" : levelOf({}, scope);
      const chosen = await chooseRange({ from, to, level }, state);
      const range = withInterval(chosen, query.interval);
      const key = isByNode ? "node_id" : "country, region";
      const question = rangeStatement(scope, range, {
        filter: {},
        build: ({ additive, value }) =>
          `SELECT ${isByNode ? "node_id" : "region || '/' || country"} AS dimension,
                    coalesce(${STATS.latency_avg_ms}, 0) AS avg_latency, coalesce(${STATS.latency_min_ms}, 0) AS min_latency,
                    coalesce(${STATS.latency_max_ms}, 0) AS max_latency, coalesce(${STATS.latency_p95_ms}, 0) AS p95_latency,
                    ${STATS.packet_loss_avg} AS avg_packet_loss, ${STATS.events} AS reporting_count,
                    (count(DISTINCT bucket_start) FILTER (WHERE measured < events OR uptime_sum_ppm < events * 1000000))::double precision
                      AS downtime_intervals,
                    ${STATS.availability_pct} AS availability_pct
             FROM (
               SELECT additive.*, floor(extract(epoch FROM bucket) / ${value(range.resolution.width.ms / 1_000)}::double precision)
                 AS bucket_start FROM ${additive}
             ) AS placed
             GROUP BY ${key} ORDER BY ${key} LIMIT 100000`,
      });
      const { rows, meta } = await answerOfRange(ask, range, ask(question));
      const seconds = Math.round((to.getTime() - from.getTime()) / 1_000);
      return okAnswer(rows, { ...meta, window_seconds: seconds });
    },
  });

/** So many buckets of each node are read at the most. */
const MAX_INTERVALS = 1_500;

/** @throws {Refusal} TOO_MANY_POINTS */
function withInterval(range: Range, interval: string): Range {
  const width = WIDTHS.find(({ name }) => name === interval);
  if (width === undefined) return range;
  const { from, to } = range.resolution;
  const count = (to.getTime() - from.getTime()) / width.ms;
  if (count > MAX_INTERVALS) {
    throw new Refusal(
      "TOO_MANY_POINTS",
      `the range has ${Math.ceil(count)} intervals of ${interval}, and may have ${MAX_INTERVALS}: take a longer interval, or auto`,
    );
  }
  const floor = (ms: number) => new Date(Math.floor(ms / width.ms) * width.ms);
  const begin = floor(from.getTime());
  const resolution = {
    ...range.resolution,
    width,
    from: begin,
    to: floor(to.getTime() + width.ms - 1),
    warnings: keptWarnings(width, { from: begin, keptSince: range.keptSince }),
  };
  return { ...range, resolution };
}

const figure = z.number().describe("0 where there is none.");
const CLUSTER_MAX_MS = 7 * DAY_MS;
/** The reference system's name of a region. */
const REGION_KEY = "lower(country) || '-' || lower(replace(region, ' ', '-'))";

const cluster = ({ ask, ...state }: Sources) =>
  route({
    method: "GET",
    path: "/api/metrics/cluster",
    operationId: "referenceCluster",
    summary: "Returns the figures of all nodes, of each region, and of the worst nodes",
    permission: "metrics:read",
    isKept: true,
    cost: 20,
    schemas: {
      path: nothing,
      query: z.object({
        start_time: utc().describe("Default: 24 h before the end."),
        end_time: utc().describe("Default: now; at most 7 days after the start."),
        top_n: wholeNumber({ min: 1, max: 20, standard: 5 }),
      }),
    },
    success: {
      status: 200,
      name: "ReferenceCluster",
      schema: envelope(
        z.object({
          time_range: z.object({ start: z.string(), end: z.string() }),
          fleet_summary: z.object({
            total_nodes: z.number().int(),
            avg_latency_ms: figure,
            avg_uptime_pct: figure,
            avg_loss_pct: figure,
          }),
          regional_breakdown: z.array(
            z.object({
              region: z.string(),
              nodes: z.number().int(),
              avg_latency: figure,
              avg_uptime: figure,
            }),
          ),
          top_problematic_nodes: z.array(
            z.object({
              node_id: z.string(),
              region: z.string(),
              score: z.number(),
              avg_latency: figure,
              avg_loss: figure,
            }),
          ),
        }),
      ),
    },
    codes: ["WINDOW_TOO_LARGE"],
    answer: async ({ query }, { scope }) => {
      const { from, to } = rangeOf(query);
      if (to.getTime() - from.getTime() > CLUSTER_MAX_MS) {
        throw new Refusal("WINDOW_TOO_LARGE", "the time range may be at most 7 days long");
      }
      const range = await chooseRange({ from, to, level: "series" }, state);
      const question = rangeStatement(scope, range, {
        filter: {},
        build: ({ additive, value }) => clusterSql(additive, value(query.top_n)),
      });
      const asked = ask<{ answered: object }>(question);
      const { rows, meta } = await answerOfRange(ask, range, asked);
      const timeRange = { start: from.toISOString(), end: to.toISOString() };
      return okAnswer({ time_range: timeRange, ...rows[0]?.answered }, meta);
    },
  });

/** The sums of each node, once; what is asked of all nodes and of regions are sums of these. */
const clusterSql = (additive: string, topN: string): string => `
  WITH nodes AS MATERIALIZED (
    SELECT node_id, country, region, sum(events) AS events, sum(measured) AS measured,
           sum(latency_sum_ns) AS latency_sum_ns, sum(uptime_sum_ppm) AS uptime_sum_ppm, sum(loss_sum_ppm) AS loss_sum_ppm
    FROM ${additive} GROUP BY node_id, country, region
  ), worst AS (
    SELECT node_id, max(${REGION_KEY}) AS region, ${SCORE} AS score,
           coalesce(${STATS.latency_avg_ms}, 0) AS avg_latency, ${STATS.packet_loss_avg} AS avg_loss
    FROM nodes GROUP BY node_id ORDER BY score DESC, node_id LIMIT ${topN}
  ), regions AS (
    SELECT ${REGION_KEY} AS region, count(DISTINCT node_id) AS nodes,
           coalesce(${STATS.latency_avg_ms}, 0) AS avg_latency, ${STATS.uptime_avg_pct} AS avg_uptime
    FROM nodes GROUP BY 1 ORDER BY 1
  )
  SELECT json_build_object(
    'fleet_summary', (
      SELECT json_build_object(
        'total_nodes', count(DISTINCT node_id), 'avg_latency_ms', coalesce(${STATS.latency_avg_ms}, 0),
        'avg_uptime_pct', coalesce(sum(uptime_sum_ppm) / 1e4::double precision / nullif(sum(events), 0), 0),
        'avg_loss_pct', coalesce(sum(loss_sum_ppm) / 1e4::double precision / nullif(sum(events), 0), 0))
      FROM nodes
    ),
    'regional_breakdown', (SELECT coalesce(json_agg(regions), '[]') FROM regions),
    'top_problematic_nodes', (SELECT coalesce(json_agg(worst), '[]') FROM worst)
  ) AS answered`;
