import { hash } from "node:crypto";
import { z } from "zod";
import { type Answer, jsonAnswer } from "../../answers/answer.ts";
import { Refusal } from "../../answers/refusal.ts";
import type { Asker } from "../../access/reader.ts";
import type { Ask } from "../../questions/ask.ts";
import type { Cursors } from "../../questions/cursors.ts";
import { statement } from "../../questions/statement.ts";
import type { TableColumns } from "../../questions/table-columns.ts";
import { cursorParameter, nodeId, nothing, shortText, wholeNumber } from "../parameters.ts";
import { type Route, route } from "../route.ts";
import { type Node, nodeFields, nodeSchema, tenantOfNode } from "./node-columns.ts";

type Sources = { readonly ask: Ask; readonly columns: TableColumns; readonly cursors: Cursors };

/** `GET /api/v1/nodes` and `GET /api/v1/nodes/{node_id}` */
export const readNodesRoutes = (sources: Sources): Route[] => [
  listNodes(sources),
  oneNode(sources),
];

const listNodes = ({ ask, columns, cursors }: Sources) =>
  route({
    method: "GET",
    path: "/api/v1/nodes",
    operationId: "listNodes",
    summary: "Lists nodes in the order of their ids",
    permission: "nodes:read",
    cost: 1,
    schemas: {
      path: nothing,
      query: z.strictObject({
        status: z
          .enum(["registered", "reporting", "inactive", "deleted"])
          .optional()
          .describe("Default: all but deleted."),
        country: shortText(2).optional(),
        region: shortText(100).optional(),
        q: shortText(100)
          .optional()
          .describe("Part of the id or of a name; capitals do not matter."),
        cursor: cursorParameter,
        limit: wholeNumber({ min: 1, max: 1_000, standard: 100 }),
      }),
    },
    success: {
      status: 200,
      name: "Nodes",
      schema: z.object({
        data: z.array(nodeSchema),
        meta: z.object({
          next_cursor: z.string().nullable().describe("null: this is the last page."),
        }),
      }),
    },
    codes: ["INVALID_CURSOR"],
    answer: async ({ query: { cursor, limit, ...filter } }, { scope }) => {
      const question = JSON.stringify(["nodes", filter]);
      const [after = ""] = cursor === undefined ? [] : cursors.read(question, cursor);
      const rows = await ask<Node>(
        statement(scope, ({ value, visible }) => {
          const conditions = [
            visible(tenantOfNode(columns), "nodes.node_id"),
            `nodes.node_id > ${value(after)}`,
            filter.status === undefined
              ? "status <> 'deleted'"
              : `status = ${value(filter.status)}`,
            ...(filter.country === undefined ? [] : [`country = ${value(filter.country)}`]),
            ...(filter.region === undefined ? [] : [`region = ${value(filter.region)}`]),
            ...(filter.q === undefined
              ? []
              : [
                  `strpos(lower(concat_ws(E'\\n', node_id, node_name, display_name)), lower(${value(filter.q)})) > 0`,
                ]),
          ];
          return `SELECT ${nodeFields(columns)} FROM nodes WHERE ${conditions.join(" AND ")}
                  ORDER BY nodes.node_id LIMIT ${value(limit + 1)}`;
        }),
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const isMore = rows.length > limit && last !== undefined;
      return jsonAnswer(200, {
        data: page,
        meta: { next_cursor: isMore ? cursors.write(question, [last.node_id]) : null },
      });
    },
  });

const oneNode = ({ ask, columns }: Sources) =>
  route({
    method: "GET",
    path: "/api/v1/nodes/{node_id}",
    operationId: "getNode",
    summary: "Returns one node",
    description: "Its ETag has the revision that PATCH needs in If-Match.",
    permission: "nodes:read",
    cost: 1,
    schemas: { path: z.strictObject({ node_id: nodeId }), query: nothing },
    success: { status: 200, name: "Node", schema: z.object({ data: nodeSchema }) },
    codes: ["NO_SUCH_NODE"],
    answer: async ({ path: { node_id: id } }, asker) =>
      nodeAnswer(200, await findNode({ ask, columns }, asker, id)),
  });

/** @throws {Refusal} NO_SUCH_NODE */
export async function findNode(
  { ask, columns }: Pick<Sources, "ask" | "columns">,
  { scope }: Pick<Asker, "scope">,
  id: string,
): Promise<Node> {
  const [node] = await ask<Node>(
    statement(
      scope,
      ({ value, visible }) =>
        `SELECT ${nodeFields(columns)} FROM nodes
         WHERE node_id = ${value(id)} AND ${visible(tenantOfNode(columns), "nodes.node_id")}`,
    ),
  );
  if (node === undefined)
    throw new Refusal("NO_SUCH_NODE", `there is no node ${JSON.stringify(id)}`);
  return node;
}

export function nodeAnswer(status: number, node: Node): Answer {
  const answer = jsonAnswer(status, { data: node });
  const tag = hash("sha256", answer.body, "base64url").slice(0, 16);
  return { ...answer, headers: { ETag: `"${node.revision}-${tag}"` } };
}
