import type { SqlField } from "@fiberstream/conditions/where-sql";
import { z } from "zod";
import { isoText } from "../../questions/statement.ts";
import { quoted, type TableColumns } from "../../questions/table-columns.ts";

/** An event, as the table has it: columns that a later version adds are answered, too. */
export const eventSchema = z.looseObject({
  time: z.string().describe("When it was measured, by the probe's clock."),
  received_at: z.string().describe("When the gateway received it."),
  event_id: z.string(),
  node_id: z.string(),
  tenant: z.string(),
  country: z.string(),
  region: z.string(),
  latency_ms: z.number().nullable().describe("null: nothing came back."),
  uptime_pct: z.number(),
  packet_loss: z.number(),
  probe_type: z.string(),
  target_host: z.string().nullable(),
  metadata: z.unknown().describe("What else the probe sent, with numbers as it wrote them."),
});

/** Returns the SQL expressions of an event's fields. */
export const eventFields = (columns: TableColumns): string =>
  Array.from(columns, ([name, type]) => {
    const column = `metrics.${quoted(name)}`;
    return type === "timestamptz" ? `${isoText(column)} AS ${quoted(name)}` : column;
  }).join(", ");

/** Returns the fields that a condition may use, by the names of the records of probe.metrics.enriched. */
export const conditionFields = (columns: TableColumns): Record<string, SqlField> =>
  Object.fromEntries(
    Array.from(columns, ([name, type]) => [
      name === "time" ? "timestamp" : name,
      fieldOf(name, type),
    ]),
  );

function fieldOf(name: string, type: string): SqlField {
  const column = `metrics.${quoted(name)}`;
  switch (type) {
    case "timestamptz":
      return { sql: `(extract(epoch FROM ${column}) * 1000000)::double precision`, kind: "number" };
    case "bool":
      return { sql: column, kind: "boolean" };
    case "float8":
    case "float4":
    case "int2":
    case "int4":
    case "int8":
    case "numeric":
      return { sql: `${column}::double precision`, kind: "number" };
    default:
      return { sql: `${column}::text`, kind: "text" };
  }
}
