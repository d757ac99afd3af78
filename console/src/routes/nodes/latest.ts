import { z } from "zod";
import type { Answer } from "../../answers/answer.ts";
import type { Ask } from "../../questions/ask.ts";
import type { TenantScope } from "../../access/scope.ts";
import { isoText, statement } from "../../questions/statement.ts";
import type { TableColumns } from "../../questions/table-columns.ts";
import { nothing } from "../parameters.ts";
import { route } from "../route.ts";
import { isOfNodesTenant, tenantOfNode } from "./node-columns.ts";

const texts = z.array(z.string().nullable());
const numbers = z.array(z.number().nullable());
const columnsSchema = z.object({
  node_id: z.array(z.string()),
  status: z.array(z.string()),
  country: texts,
  region: texts,
  lat: numbers,
  lng: numbers,
  time: texts.describe("Of the node's latest event; null: it has none."),
  latency_ms: numbers,
  uptime_pct: numbers,
  packet_loss: numbers,
  anomaly_score: numbers,
});

/** Columns of the events, in the order of the answer. */
const OF_EVENT = ["latency_ms", "uptime_pct", "packet_loss", "anomaly_score"] as const;
const OF_NODE = ["node_id", "status", "country", "region", "lat", "lng"] as const;

/** `GET /api/v1/nodes/latest`: the latest event of each node, a list for each column. */
export const latestNodesRoute = ({ ask, columns }: { ask: Ask; columns: TableColumns }) => {
  const read = async (scope: TenantScope): Promise<Answer> => {
    const [row] = await ask<{ data: string; count: number }>(
      statement(scope, ({ visible }) => {
        const lists = [...OF_NODE, "time", ...OF_EVENT].map(
          (name) => `'${name}', coalesce(json_agg(${name} ORDER BY node_id), '[]')`,
        );
        // By one probe of the index for each node, not by a scan.
        return `SELECT json_build_object(${lists.join(", ")})::text AS data, count(*)::float8 AS count
                FROM (
                  SELECT ${OF_NODE.map((name) => `nodes.${name}`).join(", ")},
                         ${isoText("latest.time")} AS time, ${OF_EVENT.map((name) => `latest.${name}`).join(", ")}
                  FROM nodes LEFT JOIN LATERAL (
                    SELECT time, tenant, ${OF_EVENT.join(", ")} FROM metrics
                    WHERE metrics.node_id = nodes.node_id ORDER BY metrics.time DESC LIMIT 1
                  ) AS latest ON ${isOfNodesTenant(columns)}
                  WHERE nodes.status <> 'deleted' AND ${visible(tenantOfNode(columns), "nodes.node_id")}
                ) AS answered`;
      }),
    );
    return {
      status: 200,
      contentType: "application/json",
      // As bytes, which all who ask within the second share.
      body: Buffer.from(`{"data":${row?.data ?? "{}"},"meta":{"count":${row?.count ?? 0}}}`),
    };
  };
  return route({
    method: "GET",
    path: "/api/v1/nodes/latest",
    operationId: "latestNodes",
    summary: "Returns each node's latest event, in columns",
    description:
      "For a map or a table of all nodes that are not deleted: the first items of all lists belong to the first node, and so on. The answer may be 5 s old.",
    permission: "nodes:read",
    isKept: true,
    cost: 10,
    schemas: { path: nothing, query: nothing },
    success: {
      status: 200,
      name: "LatestNodes",
      schema: z.object({ data: columnsSchema, meta: z.object({ count: z.number().int() }) }),
    },
    codes: [],
    answer: (_, { scope }) => read(scope),
  });
};
