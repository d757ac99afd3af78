import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { z } from "zod";
import { Refusal } from "../../answers/refusal.ts";
import type { Ask } from "../../questions/ask.ts";
import { askKafka } from "../../questions/kafka-question.ts";
import type { TenantScope } from "../../access/scope.ts";
import { isoText, statement } from "../../questions/statement.ts";
import type { TableColumns } from "../../questions/table-columns.ts";
import {
  findTrail,
  type Sought,
  type Trail,
  type TrailSources,
  trailSchema,
} from "../../trail/event-trail.ts";
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

type Row = { json: string; node_id: string; at: string; received_at: string };
type Asked = { id: string; node?: string | undefined; time?: Date | undefined };

/** `GET /api/v1/events/{event_id}`: the life of one event. */
export const oneEventRoute = ({
  ask,
  columns,
  trail,
}: {
  ask: Ask;
  columns: TableColumns;
  trail: TrailSources;
}) =>
  route({
    method: "GET",
    path: "/api/v1/events/{event_id}",
    operationId: "getEvent",
    summary: "Returns the life of one event: its row, records, dead letters, conflicts and trace",
    description:
      "Give the event's node, and its time if you know it. Without a node only events of the last 15 minutes are found, or those within 15 minutes around time. The records are looked for in Kafka from the time at which the event was received, each for at most 1.5 s and 8 MB; what was not found says why. An event without a row, such as one that became a dead letter, needs both node and time.",
    permission: "metrics:read",
    cost: 20,
    readsKafka: true,
    schemas: {
      path: z.strictObject({ event_id: z.uuid() }),
      query: z.strictObject({ node: nodeId.optional(), time: time().optional() }),
    },
    success: {
      status: 200,
      name: "EventLife",
      schema: z.object({
        data: z.object({
          event: eventSchema.nullable().describe("The row; null: there is none (any more)."),
          conflicts: z.array(conflict),
          records: trailSchema.nullable().describe("null: Kafka was not asked, or did not answer."),
          records_problem: z.string().nullable(),
        }),
      }),
    },
    codes: ["NO_SUCH_EVENT", "KAFKA_UNAVAILABLE"],
    answer: async ({ path, query }, { scope }) => {
      const asked = { ...query, id: path.event_id.toLowerCase() };
      const row = await findEvent({ ask, columns }, scope, asked);
      const sought = soughtOf(row, asked, scope);
      if (sought === undefined) throw notFound(asked);
      const [conflicts, found] = await Promise.all([
        row === undefined ? [] : readConflicts(ask, scope, asked, row),
        readTrail(trail, sought, row !== undefined),
      ]);
      if (row === undefined && !hasAny(found.records)) throw notFound(asked);
      const records = JSON.stringify(found.records);
      const problem = JSON.stringify(found.records_problem);
      return {
        status: 200,
        contentType: "application/json",
        body: `{"data":{"event":${row?.json ?? "null"},"conflicts":[${conflicts.map(({ json }) => json).join()}],"records":${records},"records_problem":${problem}}}`,
      };
    },
  });

/** Returns when to look for an event in Kafka; undefined: without a row, its node and time have to be known. */
function soughtOf(row: Row | undefined, asked: Asked, scope: TenantScope): Sought | undefined {
  const { id, node, time: at } = asked;
  if (row !== undefined) {
    const ms = Date.parse(row.received_at);
    return { id, node: row.node_id, scope, receivedMs: { from: ms, to: ms } };
  }
  if (node === undefined || at === undefined) return undefined;
  return { id, node, scope, receivedMs: { from: at.getTime(), to: at.getTime() + SEARCH_MS } };
}

/** Without Kafka the row is an answer, too. */
async function readTrail(
  trail: TrailSources,
  sought: Sought,
  hasRow: boolean,
): Promise<{ records: Trail | null; records_problem: string | null }> {
  try {
    const records = await askKafka((stopping) => findTrail(trail, sought, stopping));
    return { records, records_problem: null };
  } catch (error) {
    if (!hasRow || !(error instanceof Refusal)) throw error;
    return { records: null, records_problem: error.message };
  }
}

const hasAny = (records: Trail | null): boolean =>
  records !== null &&
  (records.raw.record !== null ||
    records.enriched.record !== null ||
    records.dead_letters.length > 0);

const readConflicts = (ask: Ask, scope: TenantScope, { id }: Asked, row: Row) =>
  ask<{ json: string }>(
    statement(
      scope,
      ({ value, visible }) =>
        `SELECT json_build_object(
           'detected_at', ${isoText("detected_at")}, 'topic', topic, 'partition', partition,
           'offset', record_offset, 'received', received)::text AS json
         FROM metric_conflicts
         WHERE node_id = ${value(row.node_id)} AND time = ${value(row.at)}::timestamptz
           AND event_id = ${value(id)} AND ${visible("stored ->> 'tenant'", "node_id")}
         ORDER BY detected_at LIMIT 100`,
    ),
  );

/** Returns the row of an event, if there is one. */
async function findEvent(
  { ask, columns }: { ask: Ask; columns: TableColumns },
  scope: TenantScope,
  { id, node, time: at }: Asked,
): Promise<Row | undefined> {
  const middleMs = at?.getTime();
  const to = middleMs === undefined ? undefined : new Date(middleMs + SEARCH_MS);
  const from =
    middleMs === undefined ? new Date(wallNowMs() - SEARCH_MS) : new Date(middleMs - SEARCH_MS);
  const [row] = await ask<Row>(
    statement(scope, ({ value, visible }) => {
      const isBounded = node === undefined || at !== undefined;
      const conditions = [
        `metrics.event_id = ${value(id)}`,
        visible("metrics.tenant", "metrics.node_id"),
        ...(node === undefined ? [] : [`metrics.node_id = ${value(node)}`]),
        ...(isBounded ? [`metrics.time >= ${value(from)}`] : []),
        ...(to === undefined ? [] : [`metrics.time <= ${value(to)}`]),
      ];
      return `SELECT row_to_json(answered)::text AS json, answered.node_id, answered.time AS at, answered.received_at
              FROM (SELECT ${eventFields(columns)} FROM metrics WHERE ${conditions.join(" AND ")} LIMIT 1) AS answered`;
    }),
  );
  return row;
}

const notFound = ({ node, time: at }: Asked): Refusal =>
  new Refusal(
    "NO_SUCH_EVENT",
    node === undefined
      ? "there is no such event within 15 minutes of the time: give its node, too"
      : `this node has no such event (any more)${at === undefined ? ": if it became a dead letter, give its time, too" : ""}`,
  );
