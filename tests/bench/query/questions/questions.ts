import {
  type DataPlan,
  type DataSpan,
  NODES_PER_REGION,
  nodeIdOf,
  regionOf,
} from "../data/plan.ts";
import { differencesOf, type Value } from "./compare-answers.ts";

/** A question that is asked of the console and of the rows. */
export type Question = {
  readonly name: string;
  /** What the 95th percentile has to be below; undefined: nobody has said. */
  readonly aimMs: number | undefined;
  /** Pause before each request, after which the console does not answer what it has kept. */
  readonly pauseMs?: number;
  /** The question for a turn: each turn asks about something else, if there is something else. */
  readonly at: (turn: number) => AskedOnce;
};
type AskedOnce = {
  readonly path: string;
  /** Plain SQL on the rows, which may need what the answer says about its range. */
  readonly sql: (body: unknown) => { readonly text: string; readonly values: readonly unknown[] };
  /** Returns what differs, in words. */
  readonly compare: (body: unknown, rows: readonly Record<string, Value>[]) => string[];
};

const HOUR_MS = 3_600_000;
/** Named nodes of one question; the API's limit. */
const NAMED = 100;
/** As many pixels as a chart of a dashboard has. */
const MAX_POINTS = 800;

/** Returns the questions with aims, and some without. */
export function questionsOf(plan: DataPlan, span: DataSpan): readonly Question[] {
  const days = (span.to.getTime() - span.from.getTime()) / HOUR_MS / 24;
  // Every 7919th node: neighbours are on the same pages.
  const node = (turn: number) => (turn * 7_919) % plan.nodes;
  const ofNode = (hours: number, aimMs: number | undefined): Question => ({
    name: `series of one node over ${hours <= 24 ? `${hours} h` : `${hours / 24} days`}`,
    aimMs,
    at: (turn) => {
      // The range ends earlier with each turn, as far as there are rows.
      const freeMs = span.to.getTime() - span.from.getTime() - hours * HOUR_MS;
      const toMs = span.to.getTime() - Math.floor((freeMs * (turn % 37)) / 37 / 60_000) * 60_000;
      const id = nodeIdOf(node(turn));
      return seriesAt({
        from: new Date(toMs - hours * HOUR_MS),
        to: new Date(toMs),
        filter: `node=${id}`,
        condition: "node_id = $3",
        value: id,
      });
    },
  });
  return [
    latest(plan),
    ...[1, 24, days * 24].map((hours) => ofNode(hours, 50)),
    {
      name: `series of a region's ${Math.min(NODES_PER_REGION, plan.nodes).toLocaleString("en")} nodes over ${days} days`,
      aimMs: 200,
      at: (turn) => {
        const region = regionOf(node(turn));
        return seriesAt({
          ...span,
          filter: `region=${region}`,
          condition: "region = $3",
          value: region,
        });
      },
    },
    {
      name: `series of ${Math.min(NAMED, plan.nodes)} named nodes over ${days} days`,
      aimMs: undefined,
      at: (turn) => {
        const ids = Array.from({ length: Math.min(NAMED, plan.nodes) }, (_, at) =>
          nodeIdOf(node(turn + at)),
        );
        return seriesAt({
          ...span,
          filter: `node=${ids.join(",")}`,
          condition: "node_id = ANY ($3::text[])",
          value: ids,
        });
      },
    },
  ];
}

const LATEST_COLUMNS = {
  status: "exact",
  country: "exact",
  region: "exact",
  time: "exact",
  latency_ms: "exact",
  uptime_pct: "exact",
  packet_loss: "exact",
  anomaly_score: "exact",
} as const;

const latest = ({ nodes }: DataPlan): Question => ({
  name: `nodes/latest of ${nodes.toLocaleString("en")} nodes`,
  aimMs: 100,
  pauseMs: 1_050,
  at: () => ({
    path: "/api/v1/nodes/latest",
    sql: () => ({ text: LATEST_OF_ROWS, values: [] }),
    compare: (body, rows) => {
      const { data } = body as { data: Record<string, Value[]> };
      const answered = (data["node_id"] ?? []).map((id, at) => [
        String(id),
        Object.fromEntries(Object.entries(data).map(([name, list]) => [name, list[at] ?? null])),
      ]);
      return differencesOf(
        new Map(answered as [string, Record<string, Value>][]),
        new Map(rows.map((row) => [String(row["node_id"]), row])),
        LATEST_COLUMNS,
      );
    },
  }),
});

const LATEST_OF_ROWS = `
  SELECT DISTINCT ON (node_id) node_id, nodes.status, nodes.country, nodes.region,
         to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS time,
         latency_ms, uptime_pct, packet_loss, anomaly_score
  FROM metrics JOIN nodes USING (node_id)
  ORDER BY node_id, metrics.time DESC`;

const SERIES_COLUMNS = {
  events: "exact",
  availability_pct: "rounding",
  latency_avg_ms: "rounding",
  latency_p50_ms: "quantile",
  latency_p95_ms: "quantile",
} as const;

function seriesAt(asked: {
  from: Date;
  to: Date;
  filter: string;
  condition: string;
  value: unknown;
}): AskedOnce {
  const { from, to, filter, condition, value } = asked;
  const stats = Object.keys(SERIES_COLUMNS).join(",");
  return {
    path: `/api/v1/series?from=${from.toISOString()}&to=${to.toISOString()}&${filter}&stats=${stats}&max_points=${MAX_POINTS}`,
    sql: (body) => {
      const { meta } = body as { meta: { from: string; to: string; step_ms: number } };
      return { text: seriesOfRows(condition, meta.step_ms), values: [meta.from, meta.to, value] };
    },
    compare: (body, rows) => {
      const { data, meta } = body as {
        data: { series: { values: Record<string, (number | null)[]> }[] };
        meta: { complete: boolean };
      };
      if (!meta.complete) return ["the answer says that it is not complete"];
      const values = data.series[0]?.values ?? {};
      const answered = new Map(
        (values["events"] ?? []).flatMap((events, place) =>
          events === null
            ? []
            : [
                [
                  `bucket ${place}`,
                  Object.fromEntries(
                    Object.entries(values).map(([name, list]) => [name, list[place] ?? null]),
                  ),
                ] as const,
              ],
        ),
      );
      const ofRows = new Map(rows.map((row) => [`bucket ${row["place"]}`, row]));
      return differencesOf(answered, ofRows, SERIES_COLUMNS);
    },
  };
}

const seriesOfRows = (condition: string, stepMs: number) => `
  SELECT floor(extract(epoch FROM time - $1::timestamptz) * 1000 / ${stepMs})::integer AS place, count(*)::float8 AS events,
         100.0::float8 * count(latency_ms) / count(*) AS availability_pct, avg(latency_ms) AS latency_avg_ms,
         percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_ms) AS latency_p50_ms,
         percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_ms) AS latency_p95_ms
  FROM metrics WHERE time >= $1 AND time < $2 AND ${condition}
  GROUP BY place`;
