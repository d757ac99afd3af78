import type { FaultKind } from "./faults/fault-kinds.ts";
import type { Waits } from "./check/waits.ts";

type Bound = {
  /** Of partitions that the fault strikes. */
  readonly struckMs: number;
  readonly othersMs: number;
  /** From the fault's beginning until nothing is behind any more. */
  readonly behindMs: number;
};

/** A step of everyday work: a fetch, a transaction, a copy, and a look four times a second. */
const STEP_MS = 2_000;
/** After a session timeout of 8 s a silent consumer's partitions are reassigned; 2 s for the rebalance. */
const SESSION_MS = 10_000;
/** A broker is missed after its own. */
const BROKER_SESSION_MS = 9_000;
/** For who takes over to read up: what came in meanwhile is done at the speed of two processes. */
const CATCH_UP_MS = 10_000;

const DEAD_MEMBER: Bound = {
  struckMs: SESSION_MS + STEP_MS,
  othersMs: STEP_MS,
  behindMs: SESSION_MS + STEP_MS + CATCH_UP_MS,
};
/** Who leaves says so: the next one begins at once. */
const CLEAN_STOP: Bound = { struckMs: STEP_MS, othersMs: STEP_MS, behindMs: CATCH_UP_MS };
/** The controller has to miss it, then clients have to hear of the new leader. */
const DEAD_BROKER: Bound = {
  struckMs: BROKER_SESSION_MS + 3_000,
  othersMs: STEP_MS,
  behindMs: BROKER_SESSION_MS + 3_000 + CATCH_UP_MS,
};

/** What a fault may cost while no other one is at work. Other kinds are measured only. */
const BOUNDS: Partial<Record<FaultKind, Bound>> = {
  // Senders go to the other gateway, and no partition is its own.
  "kill-gateway": CLEAN_STOP,
  "kill-processor": DEAD_MEMBER,
  "kill-sink": DEAD_MEMBER,
  "rolling-restart": CLEAN_STOP,
};
const BOUNDS_OF_A_CLUSTER: Partial<Record<FaultKind, Bound>> = {
  "kill-broker": DEAD_BROKER,
  "freeze-broker": DEAD_BROKER,
};

/** What waited for longer than it may, in words; empty when nothing did. */
export function pastBounds(
  { kind, target, waits }: { kind: FaultKind; target: string; waits: Waits },
  of: { brokers: number; coordinates: readonly string[] },
): string[] {
  const bound = BOUNDS[kind] ?? (of.brokers > 1 ? BOUNDS_OF_A_CLUSTER[kind] : undefined);
  if (bound === undefined) return [];
  // Who coordinated a group or transactions is needed by partitions that others lead, too.
  const othersMs = of.coordinates.length > 0 ? bound.struckMs : bound.othersMs;
  const past = [
    ["partitions of the struck one", "waited", waits.struckMs, bound.struckMs],
    ["partitions of others", "waited", waits.othersMs, othersMs],
    ["partitions", "were behind for", waits.behindMs, bound.behindMs],
  ] as const;
  return past
    .filter(([, , ms, limit]) => ms > limit)
    .map(
      ([who, did, ms, limit]) =>
        `${kind} of ${target}: ${who} ${did} ${seconds(ms)}, at most ${seconds(limit)} are allowed`,
    );
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
