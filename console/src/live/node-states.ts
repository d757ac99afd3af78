import { randomBytes } from "node:crypto";
import type { TenantScope } from "../questions/statement.ts";

/** A node with its latest event, as `nodes/latest` has it in columns. */
export type NodeState = {
  readonly node_id: string;
  readonly status: string;
  readonly country: string | null;
  readonly region: string | null;
  readonly lat: number | null;
  readonly lng: number | null;
  readonly time: string | null;
  readonly latency_ms: number | null;
  readonly uptime_pct: number | null;
  readonly packet_loss: number | null;
  readonly anomaly_score: number | null;
};
/** With the tenant, which decides who sees it. */
export type OwnedState = { readonly tenant: string | null; readonly state: NodeState };

export type NodeStates = {
  /** Takes over states that were read; wakes the listeners if one has changed. */
  readonly update: (read: readonly OwnedState[]) => void;
  /** As `update`, with all nodes that there are: the others count as deleted. */
  readonly replaceAll: (read: readonly OwnedState[]) => void;
  /** The position after the newest change. */
  readonly position: () => string;
  /** Returns the states that have changed since a position; undefined if the position is not one of this process. */
  readonly changedSince: (position: string, scope: TenantScope) => NodeState[] | undefined;
  readonly all: (scope: TenantScope) => NodeState[];
  /** @returns a function that removes the listener */
  readonly onChange: (listener: () => void) => () => void;
};

/**
 * Keeps the newest state of each node, and when it changed last. Whoever was away, or reads slowly, gets each node that
 * has changed once: nothing has to be kept for a reader.
 */
export function createNodeStates(): NodeStates {
  // Positions of another process, or of one before its restart, mean nothing here.
  const epoch = randomBytes(6).toString("hex");
  const states = new Map<
    string,
    OwnedState & { readonly text: string; readonly changedAt: number }
  >();
  const listeners = new Set<() => void>();
  let changes = 0;

  const take = (read: readonly OwnedState[]) => {
    const next = changes + 1;
    for (const owned of read) {
      const text = JSON.stringify(owned);
      const id = owned.state.node_id;
      if (states.get(id)?.text === text) continue;
      states.set(id, { ...owned, text, changedAt: next });
      changes = next;
    }
    if (changes !== next) return;
    for (const listener of listeners) listener();
  };

  const seenBy = ({ tenants }: TenantScope) =>
    [...states.values()].filter(
      ({ tenant }) => tenants === "all" || (tenant !== null && tenants.includes(tenant)),
    );

  return {
    update: take,
    replaceAll: (read) => {
      const present = new Set(read.map(({ state }) => state.node_id));
      const gone = [...states.values()]
        .filter(({ state }) => !present.has(state.node_id))
        .map(({ tenant, state }) => ({ tenant, state: { ...state, status: "deleted" } }));
      take([...read, ...gone]);
    },
    position: () => `${epoch}-${changes}`,
    changedSince: (position, scope) => {
      const [of, text = ""] = position.split("-");
      const since = Number(text);
      if (of !== epoch || !Number.isInteger(since) || since > changes) return undefined;
      return seenBy(scope)
        .filter(({ changedAt }) => changedAt > since)
        .map(({ state }) => state);
    },
    all: (scope) =>
      seenBy(scope)
        .map(({ state }) => state)
        .filter(({ status }) => status !== "deleted"),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
