import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import { eventIdOf, type RawEvent } from "../decode/raw-event.ts";
import type { Measured } from "./node-window.ts";

export type AlertKind = Exclude<ProbeAlert["kind"], "unknown">;
export const ALERT_KINDS: readonly AlertKind[] = ["latency", "packet_loss"];

/** A node's open alerts, by kind. */
export type OpenAlerts = Partial<Record<AlertKind, ProbeAlert>>;

/** Alerts are computed from so many records, the newest included, so that one bad record opens none. */
export const ALERT_RECORDS = 5;
/** Latency: the median of the last five, in standard deviations or times above the mean of the records before them. */
const OPENS_AT_Z = 4;
const RESOLVES_AT_Z = 2;
const OPENS_AT_TIMES = 1.5;
/** Packet loss: the mean of the last five, in percent. */
const OPENS_AT_LOSS_PCT = 20;
const RESOLVES_AT_LOSS_PCT = 5;
/** The baseline needs so many records before the last five. */
const MIN_USUAL_RECORDS = 10;

/**
 * Returns which alerts of a node an event opens or resolves. They open and resolve at different values, and the value
 * that resolves an alert is fixed when it opens: otherwise a lasting fault would become the baseline and resolve itself.
 *
 * An event of which nothing came back changes no alert of the latency: there is none to compare.
 *
 * @param window what the node's records before the event have measured
 * @param open the node's open alerts
 * @returns the changes, usually none
 */
export function alertChanges(
  event: RawEvent,
  window: Measured,
  open: OpenAlerts | undefined,
): ProbeAlert[] {
  const { latencies, losses } = window;
  const latenciesBefore = window.latencyCount - (ALERT_RECORDS - 1);
  const lossesBefore = window.lossCount - (ALERT_RECORDS - 1);
  if (lossesBefore < 0) return NONE;
  const changes: ProbeAlert[] = [];
  for (const kind of ALERT_KINDS) {
    const was = open?.[kind];
    const change =
      kind === "latency"
        ? latencyChange(event, latencies, latenciesBefore, was)
        : lossChange(event, losses, lossesBefore, was);
    if (change !== undefined) changes.push(change);
  }
  return changes;
}

const NONE: ProbeAlert[] = [];

function latencyChange(
  event: RawEvent,
  latencies: Float64Array,
  before: number,
  was: ProbeAlert | undefined,
): ProbeAlert | undefined {
  if (before < 0 || Number.isNaN(event.latencyMs)) return undefined;
  const value = medianOfLast(latencies, before, event.latencyMs);
  if (was !== undefined) return value < was.resolve_below ? resolved(event, was, value) : undefined;
  if (before < MIN_USUAL_RECORDS) return undefined;
  let sum = 0;
  for (let at = 0; at < before; at++) sum += latencies[at] ?? 0;
  const usual = sum / before;
  // Most events end here, before the second pass over the window.
  if (value <= usual * OPENS_AT_TIMES) return undefined;
  let squares = 0;
  for (let at = 0; at < before; at++) squares += ((latencies[at] ?? 0) - usual) ** 2;
  const stddev = Math.sqrt(squares / before);
  if (value <= usual + OPENS_AT_Z * stddev) return undefined;
  const resolveBelow = usual + Math.max(RESOLVES_AT_Z * stddev, (usual * (OPENS_AT_TIMES - 1)) / 2);
  return opened(event, "latency", value, usual, resolveBelow);
}

function lossChange(
  event: RawEvent,
  losses: Float64Array,
  before: number,
  was: ProbeAlert | undefined,
): ProbeAlert | undefined {
  let sum = event.packetLossPct;
  for (let at = before; at < before + ALERT_RECORDS - 1; at++) sum += losses[at] ?? 0;
  const value = sum / ALERT_RECORDS;
  if (was !== undefined) return value < was.resolve_below ? resolved(event, was, value) : undefined;
  if (value < OPENS_AT_LOSS_PCT) return undefined;
  return opened(event, "packet_loss", value, null, RESOLVES_AT_LOSS_PCT);
}

const lastFive = new Float64Array(ALERT_RECORDS);

function medianOfLast(latencies: Float64Array, before: number, newest: number): number {
  for (let at = 0; at < ALERT_RECORDS - 1; at++) lastFive[at] = latencies[before + at] ?? 0;
  lastFive[ALERT_RECORDS - 1] = newest;
  for (let at = 1; at < ALERT_RECORDS; at++) {
    const value = lastFive[at] ?? 0;
    let to = at - 1;
    for (; to >= 0 && (lastFive[to] ?? 0) > value; to--) lastFive[to + 1] = lastFive[to] ?? 0;
    lastFive[to + 1] = value;
  }
  return lastFive[(ALERT_RECORDS - 1) / 2] ?? 0;
}

function opened(
  event: RawEvent,
  kind: AlertKind,
  value: number,
  usual: number | null,
  resolveBelow: number,
): ProbeAlert {
  const eventId = eventIdOf(event);
  return {
    alert_id: eventId,
    node_id: event.nodeId,
    kind,
    state: "opened",
    at: event.timestampMicros,
    event_id: eventId,
    value,
    usual,
    resolve_below: resolveBelow,
  };
}

const resolved = (event: RawEvent, was: ProbeAlert, value: number): ProbeAlert => ({
  ...was,
  state: "resolved",
  at: event.timestampMicros,
  event_id: eventIdOf(event),
  value,
});
