import { z } from "zod";
import { isoText } from "../../questions/statement.ts";

export const ALERT_STATES = ["open", "resolved", "replaced"] as const;

const fields = z.object({
  alert_id: z.string().describe("Identity together with kind: the id of the event that opened it."),
  kind: z
    .string()
    .describe("latency: far above the node's usual; packet_loss: many packets lost, or an outage."),
  state: z
    .enum(ALERT_STATES)
    .describe("replaced: its end is not known, and the node has a later alert of this kind."),
  node_id: z.string(),
  tenant: z.string().nullable(),
  opened_at: z.string().describe("By the probe's clock."),
  ended_at: z.string().nullable().describe("null: it is open."),
  value: z
    .number()
    .describe("Measured over five events when it was opened: latency in ms, or loss in percent."),
  usual: z.number().nullable().describe("What was usual for the node before, in the same unit."),
  resolve_below: z.number().describe("The threshold below which it resolves, in the same unit."),
  end_value: z.number().nullable().describe("As value, when it was resolved."),
  ended_by: z.string().nullable().describe("The event that resolved it."),
});
export type AlertFields = z.output<typeof fields>;

/** An alert of a node, with the questions that show its events. */
export const alertSchema = fields.extend({
  links: z.object({
    opened_by: z.string().describe("The event that opened it."),
    events: z.string().describe("The node's events from 5 minutes before it was opened."),
  }),
});
export type Alert = z.output<typeof alertSchema>;

const TIMES = new Set(["opened_at", "ended_at"]);

/** The SQL expressions of an alert's fields, of a table or an alias `node_alerts`. */
export const ALERT_FIELDS = Object.keys(fields.shape)
  .map((name) => (TIMES.has(name) ? `${isoText(`node_alerts.${name}`)} AS ${name}` : name))
  .join(", ");

const BEFORE_MS = 300_000;

export function linked(alert: AlertFields): Alert {
  const { alert_id, node_id, opened_at, ended_at } = alert;
  const events = new URLSearchParams({
    node: node_id,
    from: new Date(Date.parse(opened_at) - BEFORE_MS).toISOString(),
    // The last event is one of them.
    ...(ended_at !== null && { to: new Date(Date.parse(ended_at) + 1_000).toISOString() }),
  });
  const opening = new URLSearchParams({ node: node_id, time: opened_at });
  return {
    ...alert,
    links: {
      opened_by: `/api/v1/events/${alert_id}?${opening.toString()}`,
      events: `/api/v1/events?${events.toString()}`,
    },
  };
}
