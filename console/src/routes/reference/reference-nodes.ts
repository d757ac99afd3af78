import { z } from "zod";
import { jsonAnswer } from "../../answers/answer.ts";
import type { Ask, Change } from "../../questions/ask.ts";
import { isoText, statement } from "../../questions/statement.ts";
import type { TableColumns } from "../../questions/table-columns.ts";
import {
  country,
  insertNode,
  latitude,
  longitude,
  newNodeId,
  region,
  updateNode,
} from "../nodes/change-nodes.ts";
import { tenantOfNode } from "../nodes/node-columns.ts";
import { nodeId, nothing } from "../parameters.ts";
import { type Route, route } from "../route.ts";
import { envelope, okAnswer } from "./answer.ts";

type Sources = { readonly ask: Ask; readonly change: Change; readonly columns: TableColumns };

const node = z.object({
  node_id: z.string(),
  status: z.string(),
  country: z.string().nullable(),
  region: z.string().nullable(),
  lat: z.number().describe("0 while it is not known, as the reference system answers."),
  lng: z.number(),
  last_seen: z.string().nullable(),
});

/** `GET`, `POST` and `DELETE` of `/api/nodes`, with the shapes of the reference system. */
export const referenceNodesRoutes = (sources: Sources): Route[] => [
  listNodes(sources),
  createNode(sources),
  deleteNode(sources),
];

const listNodes = ({ ask, columns }: Sources) =>
  route({
    method: "GET",
    path: "/api/nodes",
    operationId: "referenceNodes",
    summary: "Lists all nodes that are not deleted",
    permission: "nodes:read",
    cost: 5,
    schemas: { path: nothing, query: nothing },
    success: { status: 200, name: "ReferenceNodes", schema: envelope(z.array(node)) },
    codes: [],
    answer: async (_, { scope }) =>
      okAnswer(
        await ask(
          statement(
            scope,
            ({ visible }) =>
              `SELECT node_id, status, country, region, coalesce(lat, 0) AS lat, coalesce(lng, 0) AS lng,
                      ${isoText("last_seen_at")} AS last_seen
               FROM nodes WHERE status <> 'deleted' AND ${visible(tenantOfNode(columns), "nodes.node_id")}
               ORDER BY country, region, node_id`,
          ),
        ),
      ),
  });

const message = (status: "ok" | "created") =>
  z.object({ status: z.literal(status), message: z.string() });

const createNode = (sources: Sources) =>
  route({
    method: "POST",
    path: "/api/nodes",
    operationId: "referenceCreateNode",
    summary: "Registers a node",
    description: "Only with a key of all tenants: a key of one tenant gets 403 NOT_ALLOWED.",
    permission: "nodes:create",
    cost: 1,
    schemas: {
      path: nothing,
      query: nothing,
      body: z.object({
        node_id: newNodeId,
        status: z.literal("registered"),
        country,
        region,
        lat: latitude,
        lng: longitude,
      }),
    },
    success: { status: 201, name: "ReferenceCreated", schema: message("created") },
    codes: ["NODE_EXISTS"],
    answer: async ({ body }, asker) => {
      const { status: _, ...given } = body;
      await insertNode(sources, asker, given);
      return jsonAnswer(201, { status: "created", message: "Node registered successfully" });
    },
  });

const deleteNode = (sources: Sources) =>
  route({
    method: "DELETE",
    path: "/api/nodes/{node_id}",
    operationId: "referenceDeleteNode",
    summary: "Marks a node as deleted",
    permission: "nodes:delete",
    cost: 1,
    schemas: { path: z.strictObject({ node_id: nodeId }), query: nothing },
    success: { status: 200, name: "ReferenceDeleted", schema: message("ok") },
    codes: ["NO_SUCH_NODE"],
    answer: async ({ path: { node_id: id } }, asker) => {
      await updateNode(sources, asker, { id, values: { status: "deleted" } });
      return jsonAnswer(200, { status: "ok", message: "Node deleted" });
    },
  });
