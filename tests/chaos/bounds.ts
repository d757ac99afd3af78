import type { FaultKind } from "./faults/fault-kinds.ts";
import type { Waits } from "./check/waits.ts";

type Bound = {
  /** Longest wait of the partitions that the fault affects. */
  readonly affectedMs: number;
  readonly othersMs: number;
  /** Time from the fault's start until no partition lags. */
  readonly behindMs: number;
};

/** Normal processing time: a fetch, a transaction, a COPY, and polling four times a second. */
const STEP_MS = 2_000;
/** After the session timeout of 8 s the partitions of a silent consumer are reassigned; 2 s for the rebalance. */
const SESSION_MS = 10_000;
/** The session timeout of a broker. */
const BROKER_SESSION_MS = 9_000;
/**
 * The other controllers notice after 2 s that the active one is gone (`controller.quorum.fetch.timeout.ms`) and elect
 * another within 1 s. It does not know the last heartbeats, so all sessions of brokers begin anew.
 */
const CONTROLLER_ELECTION_MS = 3_000;
/** In `coordinates` of a fault: the broker was the active controller. */
export const CONTROLLERS = "controllers";
/** Time to process the backlog, at the speed of two processes. */
const CATCH_UP_MS = 10_000;

const DEAD_MEMBER: Bound = {
  affectedMs: SESSION_MS + STEP_MS,
  othersMs: STEP_MS,
  behindMs: SESSION_MS + STEP_MS + CATCH_UP_MS,
};
/** A member that leaves the group says so, and the next one begins at once. */
const CLEAN_STOP: Bound = { affectedMs: STEP_MS, othersMs: STEP_MS, behindMs: CATCH_UP_MS };
/** The controller has to notice the failure, then clients have to find the new leader. */
const DEAD_BROKER: Bound = {
  affectedMs: BROKER_SESSION_MS + 3_000,
  othersMs: STEP_MS,
  behindMs: BROKER_SESSION_MS + 3_000 + CATCH_UP_MS,
};

/** Allowed waits of a fault that has the time for itself. Other kinds are only measured. */
const BOUNDS: Partial<Record<FaultKind, Bound>> = {
  // Senders use the other gateway, and a gateway owns no partition.
  "kill-gateway": CLEAN_STOP,
  // The console is not on the path of an event.
  "kill-console": CLEAN_STOP,
  "freeze-console": CLEAN_STOP,
  "kill-processor": DEAD_MEMBER,
  "kill-sink": DEAD_MEMBER,
  "rolling-restart": CLEAN_STOP,
};
const BOUNDS_OF_A_CLUSTER: Partial<Record<FaultKind, Bound>> = {
  "kill-broker": DEAD_BROKER,
  "freeze-broker": DEAD_BROKER,
};

/** Returns the waits that were longer than allowed, as texts. */
export function pastBounds(
  { kind, target, waits }: { kind: FaultKind; target: string; waits: Waits },
  of: { brokers: number; coordinates: readonly string[]; isFollower: boolean },
): string[] {
  const bound = BOUNDS[kind] ?? (of.brokers > 1 ? BOUNDS_OF_A_CLUSTER[kind] : undefined);
  if (bound === undefined) return [];
  const electionMs = of.coordinates.includes(CONTROLLERS) ? CONTROLLER_ELECTION_MS : 0;
  const affectedMs = bound.affectedMs + electionMs;
  // Partitions that other brokers lead need the coordinator of a group or of transactions, too, and their leaders wait for
  // every in-sync replica until the controller has removed its broker (acks=all).
  const isNeeded = of.coordinates.length > 0 || of.isFollower;
  const past = [
    ["affected partitions", "waited", waits.affectedMs, affectedMs],
    ["other partitions", "waited", waits.othersMs, isNeeded ? affectedMs : bound.othersMs],
    ["partitions", "lagged for", waits.behindMs, bound.behindMs + electionMs],
  ] as const;
  return past
    .filter(([, , ms, limit]) => ms > limit)
    .map(
      ([who, did, ms, limit]) =>
        `${kind} of ${target}: ${who} ${did} ${seconds(ms)}, at most ${seconds(limit)} are allowed`,
    );
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
