import { z } from "zod";
import { Refusal } from "../../answers/refusal.ts";
import { isEverything } from "../../access/scope.ts";
import type { Asker } from "../../access/reader.ts";
import type { Ask, Change } from "../../questions/ask.ts";
import { ownStatement, statement } from "../../questions/statement.ts";
import type { TableColumns } from "../../questions/table-columns.ts";
import { nodeId, nothing } from "../parameters.ts";
import { type Route, route } from "../route.ts";
import { type Node, nodeFields, nodeSchema, tenantOfNode } from "./node-columns.ts";
import { findNode, nodeAnswer } from "./read-nodes.ts";

type Sources = { readonly ask: Ask; readonly change: Change; readonly columns: TableColumns };

/** Characters that a name must not have: control characters, bidirectional characters, line separators. */
const UNPRINTABLE =
  "\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069";
const PRINTABLE = new RegExp(`^[^${UNPRINTABLE}]*$`, "u");
const printable = (maxLength: number) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    .regex(PRINTABLE, "must have no control character and no bidirectional one")
    .refine((text) => text.isWellFormed(), "must have no lone surrogate");

export const newNodeId = printable(50);
export const country = z.string().regex(/^[A-Z]{2}$/, "must be two capital letters, such as GH");
export const region = printable(100);
export const latitude = z.number().min(-90).max(90);
export const longitude = z.number().min(-180).max(180);

/** The table's limit, for the JSON of all tags together. */
const TAGS_MAX_BYTES = 16_384;
const tags = z
  .record(printable(100), z.string().max(1_000).regex(PRINTABLE))
  .refine(
    (value) => Buffer.byteLength(JSON.stringify(value)) * 1.5 <= TAGS_MAX_BYTES,
    "must take at most 10 kB",
  )
  .describe("At most 10 kB of JSON.");

const place = {
  country: country.nullable(),
  region: region.nullable(),
  city: printable(100).nullable(),
  lat: latitude.nullable(),
  lng: longitude.nullable(),
};
const newNode = z.strictObject({
  node_id: newNodeId,
  node_name: printable(100).optional(),
  display_name: printable(100).nullable().optional(),
  ...z.object(place).partial().shape,
  tags: tags.optional(),
});
const changes = z
  .strictObject({
    display_name: printable(100).nullable(),
    status: z.enum(["reporting", "inactive"]),
    ...place,
    tags,
  })
  .partial()
  .refine((given) => Object.keys(given).length > 0, "must have at least one field")
  .meta({ minProperties: 1 });

/** `POST`, `PATCH` and `DELETE` of `/api/v1/nodes` */
export const changeNodesRoutes = (sources: Sources): Route[] => [
  createNode(sources),
  changeNode(sources),
  deleteNode(sources),
];

const oneNode = { name: "Node", schema: z.object({ data: nodeSchema }) } as const;
/** The ETag of a node, or only its revision. */
const REVISION = String.raw`^"(\d{1,15})(?:-[\w-]+)?"$`;

const ofNode = { path: z.strictObject({ node_id: nodeId }), query: nothing } as const;

const createNode = (sources: Sources) =>
  route({
    method: "POST",
    path: "/api/v1/nodes",
    operationId: "createNode",
    summary: "Registers a node before its first event",
    description: "Only with a key of all tenants: a key of one tenant gets 403 NOT_ALLOWED.",
    permission: "nodes:create",
    cost: 1,
    schemas: { path: nothing, query: nothing, body: newNode },
    success: { status: 201, ...oneNode },
    codes: ["NODE_EXISTS"],
    answer: async ({ body }, asker) => nodeAnswer(201, await insertNode(sources, asker, body)),
  });

/**
 * Ids are of all tenants together: a reader of one tenant could otherwise take others' ids, and see which there are.
 * @throws {Refusal} NOT_ALLOWED, NODE_EXISTS
 */
export async function insertNode(
  { change, columns }: Pick<Sources, "change" | "columns">,
  asker: Pick<Asker, "actor" | "scope">,
  node: z.output<typeof newNode>,
): Promise<Node> {
  if (!isEverything(asker.scope)) {
    throw new Refusal(
      "NOT_ALLOWED",
      "a key of one tenant may not register nodes: use a key of all tenants, or let the node send its first event",
    );
  }
  const given = Object.entries(node).filter(([, value]) => value !== undefined);
  const [created] = await change(asker.actor)<Node>(
    // A new node belongs to the tenant that the table gives it.
    ownStatement(
      ({ value }) =>
        `INSERT INTO nodes (${given.map(([name]) => name).join(", ")})
         VALUES (${given.map(([, each]) => value(each)).join(", ")})
         ON CONFLICT (node_id) DO NOTHING RETURNING ${nodeFields(columns)}`,
    ),
  );
  if (created !== undefined) return created;
  throw new Refusal(
    "NODE_EXISTS",
    `there is a node ${JSON.stringify(node.node_id)} already: change it by PATCH`,
  );
}

const changeNode = (sources: Sources) =>
  route({
    method: "PATCH",
    path: "/api/v1/nodes/{node_id}",
    operationId: "changeNode",
    summary: "Changes some fields of a node",
    description:
      "Fields that the body does not have stay; null removes a value (RFC 7396). If-Match has the ETag of the node, or its revision in quotes: a node that was changed meanwhile stays as it is.",
    permission: "nodes:update",
    cost: 1,
    schemas: {
      ...ofNode,
      body: changes,
      headers: z.object({
        // Without it the answer is 428 and not 422, so the check does not require it.
        "if-match": z.string().max(200).optional().meta({ isRequired: true, pattern: REVISION }),
      }),
    },
    success: { status: 200, ...oneNode },
    codes: ["NO_SUCH_NODE", "REVISION_CHANGED", "REVISION_REQUIRED"],
    answer: async ({ path: { node_id: id }, body, headers }, asker) => {
      const revision = revisionIn(headers["if-match"]);
      return nodeAnswer(200, await updateNode(sources, asker, { id, values: body, revision }));
    },
  });

const deleteNode = (sources: Sources) =>
  route({
    method: "DELETE",
    path: "/api/v1/nodes/{node_id}",
    operationId: "deleteNode",
    summary: "Marks a node as deleted",
    description: "Its events stay, and further events of it are still accepted.",
    permission: "nodes:delete",
    cost: 1,
    schemas: ofNode,
    success: { status: 200, ...oneNode },
    codes: ["NO_SUCH_NODE"],
    answer: async ({ path: { node_id: id } }, asker) =>
      nodeAnswer(200, await updateNode(sources, asker, { id, values: { status: "deleted" } })),
  });

/** @throws {Refusal} REVISION_REQUIRED */
function revisionIn(header: string | undefined): number {
  const [, revision] = new RegExp(REVISION).exec(header?.trim() ?? "") ?? [];
  if (revision !== undefined) return Number(revision);
  throw new Refusal(
    "REVISION_REQUIRED",
    'send If-Match with the node\'s ETag, or its revision: If-Match: "7"',
  );
}

/** @throws {Refusal} NO_SUCH_NODE, REVISION_CHANGED */
export async function updateNode(
  { ask, change, columns }: Sources,
  asker: Pick<Asker, "actor" | "scope">,
  update: { id: string; values: Readonly<Record<string, unknown>>; revision?: number },
): Promise<Node> {
  const { id, revision } = update;
  const values = Object.entries(update.values).filter(([, value]) => value !== undefined);
  const [changed] = await change(asker.actor)<Node>(
    statement(asker.scope, ({ value, visible }) => {
      const sets = values.map(([name, each]) => `${name} = ${value(each)}`);
      const conditions = [
        `node_id = ${value(id)}`,
        visible(tenantOfNode(columns), "nodes.node_id"),
        ...(revision === undefined ? [] : [`revision = ${value(revision)}`]),
      ];
      return `UPDATE nodes SET ${sets.join(", ")} WHERE ${conditions.join(" AND ")}
              RETURNING ${nodeFields(columns)}`;
    }),
  );
  if (changed !== undefined) return changed;
  const node = await findNode({ ask, columns }, asker, id);
  throw new Refusal(
    "REVISION_CHANGED",
    `the node has revision ${node.revision} by now, not ${revision}: read it again and repeat the change`,
  );
}
