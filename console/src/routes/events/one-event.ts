import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { z } from "zod";
import { Refusal } from "../../answers/refusal.ts";
import type { Ask } from "../../questions/ask.ts";
import { isoText, statement, type TenantScope } from "../../questions/statement.ts";
import type { TableColumns } from "../../questions/table-columns.ts";
import { nodeId, time } from "../parameters.ts";
import { route } from "../route.ts";
import { eventFields, eventSchema } from "./event-fields.ts";

const MINUTE_MS = 60_000;
/** Without its node an event is looked for in the events of so long: there is no index of event ids alone. */
const SEARCH_MS = 15 * MINUTE_MS;

const conflict = z.object({
  detected_at: z.string(),
  topic: z.string().nullable(),
  partition: z.number().int().nullable(),
  offset: z.number().int().nullable().describe("Of the record that brought the other content."),
  received: z.unknown().describe("The content that came later; the first one is in event."),
});

type Row = { json: string; node_id: string; at: string };

/** `GET /api/v1/events/{event_id}`: an event, and what came under the same identity later. */
export const oneEventRoute = ({ ask, columns }: { ask: Ask; columns: TableColumns }) =>
  route({
    method: "GET",
    path: "/api/v1/events/{event_id}",
    operationId: "getEvent",
    summary: "Returns one event, and its conflicts",
    description:
      "Give the event's node, and its time if you know it. Without a node only events of the last 15 minutes are found, or those within 15 minutes around time.",
    right: "read",
    cost: 5,
    schemas: {
      path: z.strictObject({ event_id: z.uuid() }),
      query: z.strictObject({ node: nodeId.optional(), time: time().optional() }),
    },
    success: {
      status: 200,
      name: "EventLife",
      schema: z.object({ data: z.object({ event: eventSchema, conflicts: z.array(conflict) }) }),
    },
    codes: ["NO_SUCH_EVENT"],
    answer: async ({ path, query }, { scope }) => {
      const found = await findEvent({ ask, columns }, scope, { ...query, id: path.event_id });
      const conflicts = await ask<{ json: string }>(
        statement(
          scope,
          ({ value, ofTenants }) =>
            `SELECT json_build_object(
               'detected_at', ${isoText("detected_at")}, 'topic', topic, 'partition', partition,
               'offset', record_offset, 'received', received)::text AS json
             FROM metric_conflicts
             WHERE node_id = ${value(found.node_id)} AND time = ${value(found.at)}::timestamptz
               AND event_id = ${value(path.event_id)} AND ${ofTenants("stored ->> 'tenant'")}
             ORDER BY detected_at LIMIT 100`,
        ),
      );
      return {
        status: 200,
        contentType: "application/json",
        body: `{"data":{"event":${found.json},"conflicts":[${conflicts.map(({ json }) => json).join()}]}}`,
      };
    },
  });

/** @throws {Refusal} NO_SUCH_EVENT */
async function findEvent(
  { ask, columns }: { ask: Ask; columns: TableColumns },
  scope: TenantScope,
  { id, node, time: at }: { id: string; node?: string | undefined; time?: Date | undefined },
): Promise<Row> {
  const middleMs = at?.getTime();
  const to = middleMs === undefined ? undefined : new Date(middleMs + SEARCH_MS);
  const from =
    middleMs === undefined ? new Date(wallNowMs() - SEARCH_MS) : new Date(middleMs - SEARCH_MS);
  const [row] = await ask<Row>(
    statement(scope, ({ value, ofTenants }) => {
      const isBounded = node === undefined || at !== undefined;
      const conditions = [
        `metrics.event_id = ${value(id)}`,
        ofTenants("metrics.tenant"),
        ...(node === undefined ? [] : [`metrics.node_id = ${value(node)}`]),
        ...(isBounded ? [`metrics.time >= ${value(from)}`] : []),
        ...(to === undefined ? [] : [`metrics.time <= ${value(to)}`]),
      ];
      return `SELECT row_to_json(answered)::text AS json, answered.node_id, answered.time AS at
              FROM (SELECT ${eventFields(columns)} FROM metrics WHERE ${conditions.join(" AND ")} LIMIT 1) AS answered`;
    }),
  );
  if (row !== undefined) return row;
  throw new Refusal(
    "NO_SUCH_EVENT",
    node === undefined
      ? "there is no such event within 15 minutes of the time: give its node, too"
      : "this node has no such event (any more)",
  );
}
