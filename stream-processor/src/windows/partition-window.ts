import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import type { RawEvent } from "../decode/raw-event.ts";
import { alertChanges } from "./alerts.ts";
import { type Anomaly, anomalyOf } from "./anomaly.ts";
import {
  addTo,
  copyMeasured,
  dropOlder,
  hasDuplicateOf,
  newestTimeMs,
  newMeasured,
  newNodeWindow,
  type NodeWindow,
  oldestOffset,
  type RecordPosition,
  WINDOW_MS,
} from "./node-window.ts";
import { createOpenAlertTable } from "./open-alert-table.ts";

/** The result of comparing an event with its node's window. */
export type Judgement = {
  /** The same event with the same content is in the window. */
  readonly isDuplicate: boolean;
  readonly anomaly: Anomaly | undefined;
  readonly alerts: readonly ProbeAlert[];
};

/**
 * The windows of a partition's nodes. Judgements depend on the partition's log alone: a window has the last 60 events of
 * its node, duplicates included, none older than 10 minutes by the partition's clock. That clock is the highest plausible
 * record timestamp so far. So a process that begins at `neededFrom` with that clock gets the same windows.
 *
 * A timestamp more than AHEAD_MS ahead of this machine's clock is not plausible: it would make all records after it look
 * old. For such a record the partition's clock is used instead.
 */
export type PartitionWindow = {
  /** The offset of the next record to judge; undefined before the first one. */
  position: bigint | undefined;
  /** Judges an event, then adds it. */
  judge: (event: RawEvent, at: RecordPosition) => Judgement;
  /** Adds an event that was judged earlier, before the partition was assigned to this process. */
  replay: (event: RawEvent, at: RecordPosition) => void;
  /** Returns the offset from which to replay to have these windows at `nextOffset`. It may be lower than necessary. */
  neededFrom: (nextOffset: bigint) => bigint;
  readonly clockMs: () => number;
  /** Returns how many records were ahead since the last call. */
  readonly takeAhead: () => number;
  readonly nodes: () => number;
};

const DUPLICATE: Judgement = { isDuplicate: true, anomaly: undefined, alerts: [] };
/** Gateways accept events measured up to so much ahead, because clocks differ. */
export const AHEAD_MS = 300_000;
/** How often expired windows are removed, by the partition's clock. */
const SWEEP_MS = 30_000;
/** How old `neededFrom` may be, because computing it for 10,000 windows takes 2 to 6 ms. A new owner replays so much more. */
const NEEDED_FROM_EVERY_MS = 5_000;

/**
 * @param options.maxNodes maximum number of windows, past which one that was not used lately is evicted; also the
 *   maximum of open alerts
 * @param options.clockMs the partition's clock at the first record. If it is too far ahead itself, it is computed from
 *   the records: earlier versions used every timestamp
 * @param options.nowMs this machine's clock
 * @param options.openAlerts the alerts that are open at the first record
 */
export function createPartitionWindow(options: {
  maxNodes: number;
  clockMs: number;
  openAlerts: readonly ProbeAlert[];
  countEvicted: () => void;
  nowMs: () => number;
}): PartitionWindow {
  const windows = new Map<string, NodeWindow>();
  let evictionOrder = windows.entries();
  const alerts = createOpenAlertTable({ maxAlerts: options.maxNodes });
  let plausibleUntilMs = options.nowMs() + AHEAD_MS;
  const checkpointMs = options.clockMs <= plausibleUntilMs ? options.clockMs : undefined;
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

  /** Continues where the last eviction ended: starting over would be slow, because a Map keeps its deleted first entries. */
  const nextCandidate = () => {
    const { value, done } = evictionOrder.next();
    if (done !== true) return value;
    evictionOrder = windows.entries();
    return evictionOrder.next().value;
  };

  /** Evicts the next window that was not used since its last turn (the clock algorithm), so that use costs only a flag. */
  const evict = () => {
    for (let next = nextCandidate(); next !== undefined; next = nextCandidate()) {
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

  const isPlausible = (timeMs: number): boolean => {
    if (timeMs > plausibleUntilMs) plausibleUntilMs = options.nowMs() + AHEAD_MS;
    return timeMs <= plausibleUntilMs;
  };

  /**
   * Advances the clock.
   * @returns the record's position with the time to use for it
   */
  const advanceClock = (at: RecordPosition): RecordPosition => {
    const isAhead = at.timeMs > clockMs && !isPlausible(at.timeMs);
    if (isAhead) ahead++;
    else if (at.timeMs > clockMs) clockMs = at.timeMs;
    if (clockMs - sweptAtMs > SWEEP_MS) sweep();
    return isAhead ? { offset: at.offset, timeMs: clockMs } : at;
  };

  /**
   * Returns the time that an earlier owner has used for a record. With that owner's clock in the checkpoint this does not
   * depend on the present time: no timestamp that it used is later than its clock.
   */
  const advanceReplayClock = (at: RecordPosition): RecordPosition => {
    const isPlausibleEarlier =
      checkpointMs === undefined ? isPlausible(at.timeMs) : at.timeMs <= checkpointMs;
    if (isPlausibleEarlier) replayedMs = Math.max(replayedMs, at.timeMs);
    clockMs = Math.max(clockMs, replayedMs);
    return isPlausibleEarlier ? at : { offset: at.offset, timeMs: replayedMs };
  };

  const judgeIn = (window: NodeWindow, event: RawEvent, sinceMs: number): Judgement => {
    if (hasDuplicateOf(window, event, sinceMs)) return DUPLICATE;
    copyMeasured(window, sinceMs, measured);
    const anomaly = anomalyOf(event, measured);
    const changes = alertChanges(event, measured, alerts.of(event.nodeId));
    for (const change of changes) alerts.track(change);
    return { isDuplicate: false, anomaly, alerts: changes };
  };

  const oldestNeeded = (nextOffset: bigint): bigint => {
    let oldest = Number(nextOffset);
    for (const window of windows.values()) {
      dropOlder(window, clockMs - WINDOW_MS);
      if (window.count > 0) oldest = Math.min(oldest, oldestOffset(window));
    }
    return BigInt(oldest);
  };

  return {
    position: undefined,
    judge: (event, record) => {
      const at = advanceClock(record);
      const window = windowOf(event.nodeId);
      dropOlder(window, clockMs - WINDOW_MS);
      const judgement = judgeIn(window, event, clockMs - WINDOW_MS);
      addTo(window, event, at);
      return judgement;
    },
    replay: (event, at) => {
      addTo(windowOf(event.nodeId), event, advanceReplayClock(at));
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

/** The values of one window, reused for each event. */
const measured = newMeasured();
