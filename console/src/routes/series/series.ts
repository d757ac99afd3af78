import { z } from "zod";
import { jsonAnswer } from "../../answers/answer.ts";
import { Refusal } from "../../answers/refusal.ts";
import type { Ask } from "../../questions/ask.ts";
import type { TenantScope } from "../../access/scope.ts";
import { statement } from "../../questions/statement.ts";
import { countGroups } from "../../rollups/count-groups.ts";
import type { Edges, ReadEdges } from "../../rollups/edges.ts";
import { type Filter, filterConditions, filterParameters, levelOf } from "../../rollups/filter.ts";
import type { KeptSince } from "../../rollups/kept-since.ts";
import { chooseResolution, type Resolution, WIDTH_NAMES } from "../../rollups/resolution.ts";
import {
  NODE_COLUMN,
  rollupRows,
  type Stat,
  STAT_NAMES,
  STATS,
} from "../../rollups/rollup-rows.ts";
import { cachingOf, isPending } from "../../rollups/validity.ts";
import { nothing, time, wholeNumber } from "../parameters.ts";
import { route } from "../route.ts";

/** Columns of each way to group. */
const GROUPS = {
  none: [],
  node: ["node_id"],
  region: ["country", "region"],
  country: ["country"],
  tenant: ["tenant"],
  target: ["probe_type", "target_host"],
} as const;
type Group = keyof typeof GROUPS;
const GROUP_NAMES = Object.keys(GROUPS) as [Group, ...Group[]];

const MAX_POINTS_OF_ANSWER = 200_000;
/** Of all stats together. */
const MAX_VALUES_OF_ANSWER = 800_000;
const COMPARE_MS = {
  "1h": 3_600_000,
  "1d": 86_400_000,
  "1w": 604_800_000,
  "4w": 2_419_200_000,
} as const;

const seriesSchema = z.object({
  key: z.record(z.string(), z.string().nullable()).describe("Of the group; empty without one."),
  values: z
    .partialRecord(z.enum(STAT_NAMES), z.array(z.number().nullable()))
    .describe("A list for each stat; null: no events in the bucket, or none with a latency."),
});
type Series = z.output<typeof seriesSchema>;

/** `GET /api/v1/series`: statistics over time, from the roll-ups. */
export const seriesRoute = ({
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
    path: "/api/v1/series",
    operationId: "series",
    summary:
      "Returns statistics over time, of all events or by node, region, country, tenant or target",
    description:
      "The resolution follows from the range and max_points, and is in meta. Quantiles are merged from distributions, and right to 2 % over any nodes and any time.",
    permission: "metrics:read",
    isKept: true,
    cost: 5,
    schemas: {
      path: nothing,
      query: z.strictObject({
        from: time(),
        to: time().optional().describe("Not included. Default: now."),
        stats: z
          .string()
          .max(300)
          .default("latency_p50_ms,latency_p95_ms")
          .transform((text) => [...new Set(text.split(","))])
          .pipe(z.array(z.enum(STAT_NAMES)))
          .meta({
            pattern: `^(${STAT_NAMES.join("|")})(,(${STAT_NAMES.join("|")}))*$`,
            description: `Separated by commas, of: ${STAT_NAMES.join(", ")}.`,
          }),
        group: z.enum(GROUP_NAMES).default("none"),
        max_points: wholeNumber({ min: 1, max: 11_000, standard: 1_000 }).describe(
          "Points of a series: the width of the chart in pixels.",
        ),
        resolution: z.enum(WIDTH_NAMES).optional().describe("Forces one."),
        compare: z
          .enum(["1h", "1d", "1w", "4w"])
          .optional()
          .describe("Also returns the series of so long before, in previous."),
        ...filterParameters,
      }),
    },
    success: {
      status: 200,
      name: "Series",
      schema: z.object({
        data: z.object({
          series: z.array(seriesSchema),
          previous: z.array(seriesSchema).optional().describe("The same, moved by compare."),
        }),
        meta: z.object({
          from: z.string().describe("Beginning of the first bucket: from, aligned to the step."),
          to: z.string(),
          step_ms: z.number().int(),
          points: z.number().int(),
          source: z.string().describe("The roll-up that was read."),
          complete: z.boolean().describe("false: late events of the range are being counted."),
          warnings: z.array(z.string()),
        }),
      }),
    },
    codes: ["TOO_MANY_POINTS"],
    answer: async ({ query }, { scope }) => {
      const { stats, group, max_points: maxPoints, compare, resolution: forced, ...filter } = query;
      const edges = await readEdges();
      const { nowMs } = edges;
      const { from, to = new Date(Math.floor(nowMs / 1_000) * 1_000) } = query;
      const level = levelFor(group, filter, scope);
      const resolution = chooseResolution({
        from,
        to,
        maxPoints,
        keptSince: await keptSince(level),
        comparedMs: compare && COMPARE_MS[compare],
        forced,
      });
      const compared = compare && movedBack(resolution, compare);
      const { from: first, to: last } = resolution;
      const columns = GROUPS[group];
      const groups = await countGroups(ask, scope, { columns, filter, from: first, to: last });
      refuseTooMany({ groups, points: pointsOf(resolution), stats: stats.length });
      const seriesOf = (moved: Resolution) =>
        readSeries(ask, scope, { resolution: moved, stats, group, filter, edges });
      // One statement at a time, as every question: there are as many connections as questions. What waits is read first,
      // so that an answer without it never counts as complete.
      const pending =
        (await isPending(ask, resolution, edges)) ||
        (compared !== undefined && (await isPending(ask, compared, edges)));
      const series = await seriesOf(resolution);
      const previous = compared && (await seriesOf(compared));
      return jsonAnswer(
        200,
        {
          data: { series, ...(previous !== undefined && { previous }) },
          meta: {
            from: resolution.from.toISOString(),
            to: resolution.to.toISOString(),
            step_ms: resolution.stepMs,
            points: pointsOf(resolution),
            source: `metrics_${level}_${resolution.width.name}`,
            complete: !pending,
            warnings: resolution.warnings,
          },
        },
        cachingOf(resolution, { nowMs, isPending: pending }),
      );
    },
  });

const pointsOf = ({ from, to, stepMs }: Resolution): number =>
  Math.round((to.getTime() - from.getTime()) / stepMs);

/**
 * Moved by whole buckets of the roll-up: a step may have several.
 * @throws {Refusal} INVALID_PARAMETER when a bucket is longer
 */
function movedBack(resolution: Resolution, compare: keyof typeof COMPARE_MS): Resolution {
  const ms = COMPARE_MS[compare];
  const { from, to, width } = resolution;
  if (ms % width.ms !== 0) {
    throw new Refusal(
      "INVALID_PARAMETER",
      `compare: ${compare} is shorter than a bucket of this answer, which has ${width.name}: ask for a shorter range, more max_points, a finer resolution or a longer compare`,
    );
  }
  return { ...resolution, from: new Date(from.getTime() - ms), to: new Date(to.getTime() - ms) };
}

const levelFor = (group: Group, filter: Filter, scope: TenantScope) =>
  group === "node" || group === "target" ? "series" : levelOf(filter, scope);

async function readSeries(
  ask: Ask,
  scope: TenantScope,
  asked: {
    resolution: Resolution;
    stats: readonly Stat[];
    group: Group;
    filter: Filter;
    edges: Edges;
  },
): Promise<Series[]> {
  const { resolution, stats, group, filter, edges } = asked;
  const { from, to, stepMs, width } = resolution;
  const columns = GROUPS[group];
  const level = levelFor(group, filter, scope);
  const points = pointsOf(resolution);
  const rows = await ask<
    { place: number; key: Record<string, string | null> } & Record<Stat, number>
  >(
    statement(scope, ({ value, visible }) => {
      const additive = rollupRows({
        level,
        width,
        from,
        to,
        edges,
        value,
        conditions: [visible("tenant", NODE_COLUMN[level]), ...filterConditions(filter, value)],
      });
      const place = `floor((extract(epoch FROM bucket) * 1000 - ${value(from.getTime())}::double precision) / ${value(stepMs)}::double precision)::integer`;
      const key = columns.map((name) => `'${name}', ${name}`).join(", ");
      return `SELECT ${place} AS place, json_build_object(${key}) AS key,
                     ${stats.map((stat) => `${STATS[stat]} AS ${stat}`).join(", ")}
              FROM (${additive}) AS additive
              GROUP BY ${["1", ...columns].join(", ")} LIMIT ${value(MAX_POINTS_OF_ANSWER + 1)}`;
    }),
  );
  const byKey = Map.groupBy(rows, ({ key }) => JSON.stringify(Object.values(key)));
  // Of series that began a moment ago nothing was known.
  refuseTooMany({ groups: byKey.size, points, stats: stats.length });
  return [...byKey.keys()].sort().map((name) => {
    const ofKey = byKey.get(name) ?? [];
    const values = Object.fromEntries(
      stats.map((stat) => {
        const list: (number | null)[] = Array.from({ length: points }, () => null);
        for (const row of ofKey) list[row.place] = row[stat];
        return [stat, list];
      }),
    ) as Series["values"];
    return { key: ofKey[0]?.key ?? {}, values };
  });
}

/** @throws {Refusal} TOO_MANY_POINTS */
function refuseTooMany({ groups, points, stats }: Record<"groups" | "points" | "stats", number>) {
  const all = groups * points;
  if (all <= MAX_POINTS_OF_ANSWER && all * stats <= MAX_VALUES_OF_ANSWER) return;
  throw new Refusal(
    "TOO_MANY_POINTS",
    `the answer would have ${groups} series of ${points} points, and may have ${MAX_POINTS_OF_ANSWER} points and ${MAX_VALUES_OF_ANSWER} values: lower max_points, choose nodes, or ask for fewer stats`,
  );
}
