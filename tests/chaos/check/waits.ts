import type { Ledger } from "../load/ledger.ts";

/** How long nodes waited because of a fault, ms; a node stands for the partition that it is in. */
export type Waits = {
  /** The longest time in which a node had accepted events that were no rows, and got none. */
  readonly struckMs: number;
  /** The same of nodes in partitions that the fault did not strike. */
  readonly othersMs: number;
  /** From the fault's beginning until nothing was behind any more; 0 when nothing ever was. */
  readonly behindMs: number;
  /** The longest time in which a node's events were sent and none was accepted. */
  readonly struckUnacceptedMs: number;
  readonly othersUnacceptedMs: number;
};

/** A fault's time, from its beginning until its wake is worked off. */
export type WaitWindow = {
  /** The fault is over, recovery can begin. */
  readonly faultEnded: () => void;
  /** Whether it is over, and nothing was behind for as long as a late effect may take to show. */
  readonly isQuiet: () => boolean;
  readonly waits: () => Waits;
};

export type WaitWatch = {
  /** One look. @param visible how many events of each node are rows */
  readonly look: (nowMs: number, visible: readonly number[]) => void;
  /** @param struck the nodes in partitions that the fault strikes */
  readonly faultBegins: (struck: ReadonlySet<number>) => WaitWindow;
};

/** What was accepted longer ago than this and is no row is behind. */
const BEHIND_AFTER_MS = 2_000;
/** Past a consumer's session of 10 s, which may end only now. */
const QUIET_FOR_MS = 13_000;

/** Finds out of repeated looks how long each node waits. */
export function createWaitWatch(ledger: Ledger): WaitWatch {
  const windows = new Set<Window>();
  const rows = createStandstill();
  const acceptance = createStandstill();
  /** What was accepted at earlier looks, the oldest first. */
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
    faultBegins: (struck) => {
      const window = createWindow(struck);
      windows.add(window);
      return {
        faultEnded: () => void (window.endedMs = performance.now()),
        isQuiet: () => !windows.has(window),
        waits: () => window.waits(),
      };
    },
  };
}

/** How long each node has had something to do and has done none of it. */
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

function createWindow(struck: ReadonlySet<number>) {
  const beganMs = performance.now();
  const longest = { struckMs: 0, othersMs: 0, struckUnacceptedMs: 0, othersUnacceptedMs: 0 };
  const window = {
    endedMs: Infinity,
    lastBehindMs: beganMs,
    note: (node: number, rowMs: number, acceptanceMs: number) => {
      if (struck.has(node)) {
        longest.struckMs = Math.max(longest.struckMs, rowMs);
        longest.struckUnacceptedMs = Math.max(longest.struckUnacceptedMs, acceptanceMs);
      } else {
        longest.othersMs = Math.max(longest.othersMs, rowMs);
        longest.othersUnacceptedMs = Math.max(longest.othersUnacceptedMs, acceptanceMs);
      }
    },
    waits: (): Waits => ({ ...longest, behindMs: window.lastBehindMs - beganMs }),
  };
  return window;
}
