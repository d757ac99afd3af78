import type { Ledger } from "../load/ledger.ts";

/** How long nodes waited because of a fault, in ms. Each node represents its partition. */
export type Waits = {
  /** The longest time in which an affected node had accepted events without rows, and got no row. */
  readonly affectedMs: number;
  /** The same for nodes in partitions that the fault did not affect. */
  readonly othersMs: number;
  /** Time from the fault's start until no event was behind; 0 if none ever was. */
  readonly behindMs: number;
  /** The longest time in which events of an affected node were sent and none was accepted. */
  readonly affectedUnacceptedMs: number;
  readonly othersUnacceptedMs: number;
};

/** The time of a fault, from its start until its backlog is processed. */
export type WaitWindow = {
  /** Called when the fault has ended and the recovery can begin. */
  readonly faultEnded: () => void;
  /** Returns whether the fault has ended, and nothing was behind for as long as a late effect may take. */
  readonly isQuiet: () => boolean;
  readonly waits: () => Waits;
};

export type WaitWatch = {
  /**
   * Adds a sample.
   * @param visible how many events of each node are rows
   */
  readonly look: (nowMs: number, visible: readonly number[]) => void;
  /** @param affected the nodes in partitions that the fault affects */
  readonly faultBegins: (affected: ReadonlySet<number>) => WaitWindow;
};

/** An event is behind if it was accepted longer ago than this and has no row. */
const BEHIND_AFTER_MS = 2_000;
/** Longer than a consumer's session timeout of 10 s. */
const QUIET_FOR_MS = 13_000;

/** Measures from samples how long each node waits. */
export function createWaitWatch(ledger: Ledger): WaitWatch {
  const windows = new Set<Window>();
  const rows = createStandstill();
  const acceptance = createStandstill();
  /** Accepted events of earlier samples, the oldest first. */
  const earlier: { atMs: number; accepted: readonly number[] }[] = [];

  return {
    look: (nowMs, visible) => {
      const accepted = ledger.nodes.map(({ acceptedUpTo }) => acceptedUpTo);
      earlier.push({ atMs: nowMs, accepted });
      while ((earlier[1]?.atMs ?? nowMs) <= nowMs - BEHIND_AFTER_MS) earlier.shift();
      const due = earlier[0]?.accepted ?? [];
      const isBehind = visible.some((count, node) => count < (due[node] ?? 0));
      for (const window of windows) if (isBehind) window.lastBehindMs = nowMs;
      for (const [node, { micros, acceptedUpTo }] of ledger.nodes.entries()) {
        const rowMs = rows.waited(nowMs, node, visible[node] ?? 0, acceptedUpTo);
        const acceptanceMs = acceptance.waited(nowMs, node, acceptedUpTo, micros.length);
        for (const window of windows) window.note(node, rowMs, acceptanceMs);
      }
      for (const window of windows) {
        const since = Math.max(window.endedMs, window.lastBehindMs);
        if (nowMs - since >= QUIET_FOR_MS) windows.delete(window);
      }
    },
    faultBegins: (affected) => {
      const window = createWindow(affected);
      windows.add(window);
      return {
        faultEnded: () => void (window.endedMs = performance.now()),
        isQuiet: () => !windows.has(window),
        waits: () => window.waits(),
      };
    },
  };
}

/** Measures how long each node had work and made no progress. */
function createStandstill() {
  const before = new Map<number, { done: number; sinceMs: number }>();
  return {
    waited: (nowMs: number, node: number, done: number, wanted: number): number => {
      const last = before.get(node);
      if (done >= wanted || last === undefined || done !== last.done) {
        const waitedMs = last === undefined ? 0 : nowMs - last.sinceMs;
        const hadToWait = last !== undefined && done !== last.done;
        before.set(node, { done, sinceMs: nowMs });
        return hadToWait ? waitedMs : 0;
      }
      return nowMs - last.sinceMs;
    },
  };
}

type Window = ReturnType<typeof createWindow>;

function createWindow(affected: ReadonlySet<number>) {
  const beganMs = performance.now();
  const longest = { affectedMs: 0, othersMs: 0, affectedUnacceptedMs: 0, othersUnacceptedMs: 0 };
  const window = {
    endedMs: Infinity,
    lastBehindMs: beganMs,
    note: (node: number, rowMs: number, acceptanceMs: number) => {
      if (affected.has(node)) {
        longest.affectedMs = Math.max(longest.affectedMs, rowMs);
        longest.affectedUnacceptedMs = Math.max(longest.affectedUnacceptedMs, acceptanceMs);
      } else {
        longest.othersMs = Math.max(longest.othersMs, rowMs);
        longest.othersUnacceptedMs = Math.max(longest.othersUnacceptedMs, acceptanceMs);
      }
    },
    waits: (): Waits => ({ ...longest, behindMs: window.lastBehindMs - beganMs }),
  };
  return window;
}
