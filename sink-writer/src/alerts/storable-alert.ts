import type { ProbeAlert } from "@fiberstream/schemas/generated/records";

/** An alert's change as the statements of `createWriteAlerts` take it, in JSON. */
export type StorableAlert = Omit<ProbeAlert, "state"> & {
  readonly state: "opened" | "resolved";
  /** The timestamp of the record, in ms since 1970. */
  readonly produced_ms: number;
};

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MAX_NODE_ID = 50;
/** From 1970 to 2200, as event times. */
const MAX_MICROS = Date.UTC(2200, 0, 1) * 1_000;

/** Returns the alert; undefined if `node_alerts` cannot hold it, or its state is newer than this sink. */
export function storableAlert(alert: ProbeAlert, timestamp: string): StorableAlert | undefined {
  const { alert_id, event_id, node_id, state, at, value, usual, resolve_below } = alert;
  if (state === "unknown") return undefined;
  const areIds = UUID.test(alert_id) && UUID.test(event_id);
  const isNode =
    node_id !== "" && Array.from(node_id).length <= MAX_NODE_ID && !node_id.includes("\0");
  const areNumbers = [value, usual ?? 0, resolve_below].every(Number.isFinite);
  if (!areIds || !isNode || !areNumbers || at < 0 || at > MAX_MICROS) return undefined;
  return { ...alert, state, produced_ms: Number(timestamp) };
}
