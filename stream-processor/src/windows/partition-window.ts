import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import type { RawEvent } from "../decode/raw-event.ts";
import { alertChanges } from "./alerts.ts";
import { type Anomaly, anomalyOf } from "./anomaly.ts";
import {
  addTo,
  copyMeasured,
  forgetOlder,
  hasDuplicateOf,
  newestTimeMs,
  newNodeWindow,
  type NodeWindow,
  oldestOffset,
  type RecordPosition,
  WINDOW_MS,
  WINDOW_RECORDS,
} from "./node-window.ts";
import { createOpenAlertTable } from "./open-alert-table.ts";

/** What a node's window says about its next event. */
export type Judgement = {
  /** The same event with the same content is in the window. */
  readonly isDuplicate: boolean;
  readonly anomaly: Anomaly | undefined;
  readonly alerts: readonly ProbeAlert[];
};

/**
 * The windows of a partition's nodes. What they say follows from the partition's log alone: a window holds
 * the last 60 events of its node that stand before, repeats included, none older than 10 minutes by the
 * partition's clock, which is the highest record timestamp so far that can be believed. So a reader who begins
 * at `neededFrom` with that clock gets the same windows.
 *
 * A timestamp that is further ahead of this machine's clock than AHEAD_MS is not believed: it would make all that
 * follows look old. Such a record counts as of the partition's clock.
 */
export type PartitionWindow = {
  /** The offset of the next record to judge; undefined before the first one. */
  position: bigint | undefined;
  /** Judges an event, then adds it. */
  judge: (event: RawEvent, at: RecordPosition) => Judgement;
  /** Adds an event that was judged earlier, before the partition came here. */
  replay: (event: RawEvent, at: RecordPosition) => void;
  /** From where a reader would have to begin at `nextOffset` to have these windows; now and then it is less than it could be. */
  neededFrom: (nextOffset: bigint) => bigint;
  readonly clockMs: () => number;
  /** How many records were ahead since it was asked last. */
  readonly takeAhead: () => number;
  readonly nodes: () => number;
};

const DUPLICATE: Judgement = { isDuplicate: true, anomaly: undefined, alerts: [] };
/** The gateways take what probes measured up to this much ahead: clocks differ. */
export const AHEAD_MS = 300_000;
/** How often the windows are gone through for what is old, by the partition's clock. */
const SWEEP_MS = 30_000;
/** Going through 10,000 windows takes 2 to 6 ms; a new owner reads so much more again at most. */
const NEEDED_FROM_EVERY_MS = 5_000;

/**
 * @param options.maxNodes the most windows that are kept; past it one that was not used lately is forgotten. As many
 *   alerts are kept open
 * @param options.clockMs the partition's clock at the first record; where it is ahead itself, that of the records
 *   is taken: an earlier version believed every timestamp
 * @param options.nowMs this machine's clock
 * @param options.openAlerts what is open at the first record
 */
export function createPartitionWindow(options: {
  maxNodes: number;
  clockMs: number;
  openAlerts: readonly ProbeAlert[];
  countEvicted: () => void;
  nowMs: () => number;
}): PartitionWindow {
  const windows = new Map<string, NodeWindow>();
  let inTurn = windows.entries();
  const alerts = createOpenAlertTable({ maxAlerts: options.maxNodes });
  let believedUntilMs = options.nowMs() + AHEAD_MS;
  const checkpointMs = options.clockMs <= believedUntilMs ? options.clockMs : undefined;
  let clockMs = checkpointMs ?? 0;
  let replayedMs = 0;
  let ahead = 0;
  let sweptAtMs = clockMs;
  let needed: { from: bigint; atMs: number } | undefined;
  for (const alert of options.openAlerts) alerts.track(alert);

  const windowOf = (nodeId: string): NodeWindow => {
    let window = windows.get(nodeId);
    if (window === undefined) {
      if (windows.size >= options.maxNodes) evict();
      window = newNodeWindow();
      windows.set(nodeId, window);
    } else window.isUsed = true;
    return window;
  };

  const sweep = () => {
    sweptAtMs = clockMs;
    for (const [nodeId, window] of windows) {
      if (newestTimeMs(window) < clockMs - WINDOW_MS) windows.delete(nodeId);
    }
  };

  /** From where it was the last time on: what stood before is gone or has moved behind, and a Map passes that slowly. */
  const nextInTurn = () => {
    const { value, done } = inTurn.next();
    if (done !== true) return value;
    inTurn = windows.entries();
    return inTurn.next().value;
  };

  /** Forgets the next in turn that was not used since its last turn, which costs no event that is known anything. */
  const evict = () => {
    for (let next = nextInTurn(); next !== undefined; next = nextInTurn()) {
      const [nodeId, window] = next;
      windows.delete(nodeId);
      if (window.isUsed) {
        window.isUsed = false;
        windows.set(nodeId, window);
      } else {
        if (newestTimeMs(window) >= clockMs - WINDOW_MS) options.countEvicted();
        return;
      }
    }
  };

  const isBelieved = (timeMs: number): boolean => {
    if (timeMs > believedUntilMs) believedUntilMs = options.nowMs() + AHEAD_MS;
    return timeMs <= believedUntilMs;
  };

  /**
   * Moves the clock.
   * @returns the record as of when it counts
   */
  const arrived = (at: RecordPosition): RecordPosition => {
    const isAhead = at.timeMs > clockMs && !isBelieved(at.timeMs);
    if (isAhead) ahead++;
    else if (at.timeMs > clockMs) clockMs = at.timeMs;
    if (clockMs - sweptAtMs > SWEEP_MS) sweep();
    return isAhead ? { offset: at.offset, timeMs: clockMs } : at;
  };

  /**
   * As of when an earlier owner had a record. With its clock noted, what it did not believe is known whatever the time
   * is now: no record that it believed is later than its clock.
   */
  const arrivedEarlier = (at: RecordPosition): RecordPosition => {
    const isBelievable =
      checkpointMs === undefined ? isBelieved(at.timeMs) : at.timeMs <= checkpointMs;
    if (isBelievable) replayedMs = Math.max(replayedMs, at.timeMs);
    clockMs = Math.max(clockMs, replayedMs);
    return isBelievable ? at : { offset: at.offset, timeMs: replayedMs };
  };

  const judgeIn = (window: NodeWindow, event: RawEvent, sinceMs: number): Judgement => {
    if (hasDuplicateOf(window, event, sinceMs)) return DUPLICATE;
    const count = copyMeasured(window, sinceMs, latencies, losses);
    const anomaly = anomalyOf(event, latencies, losses, count);
    const changes = alertChanges(event, latencies, losses, count, alerts.of(event.nodeId));
    for (const change of changes) alerts.track(change);
    return { isDuplicate: false, anomaly, alerts: changes };
  };

  const oldestNeeded = (nextOffset: bigint): bigint => {
    let oldest = Number(nextOffset);
    for (const window of windows.values()) {
      forgetOlder(window, clockMs - WINDOW_MS);
      if (window.count > 0) oldest = Math.min(oldest, oldestOffset(window));
    }
    return BigInt(oldest);
  };

  return {
    position: undefined,
    judge: (event, record) => {
      const at = arrived(record);
      const window = windowOf(event.nodeId);
      forgetOlder(window, clockMs - WINDOW_MS);
      const judgement = judgeIn(window, event, clockMs - WINDOW_MS);
      addTo(window, event, at);
      return judgement;
    },
    replay: (event, at) => {
      addTo(windowOf(event.nodeId), event, arrivedEarlier(at));
    },
    neededFrom: (nextOffset) => {
      const nowMs = performance.now();
      if (needed === undefined || nowMs - needed.atMs > NEEDED_FROM_EVERY_MS) {
        needed = { from: oldestNeeded(nextOffset), atMs: nowMs };
      }
      return needed.from;
    },
    clockMs: () => clockMs,
    takeAhead: () => {
      const taken = ahead;
      ahead = 0;
      return taken;
    },
    nodes: () => windows.size,
  };
}

/** The window's values in a row, for whoever computes with them next. */
const latencies = new Float64Array(WINDOW_RECORDS);
const losses = new Float64Array(WINDOW_RECORDS);
