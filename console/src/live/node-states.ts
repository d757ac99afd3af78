import { createLiveStates, type LiveStates, type Owned } from "./live-states.ts";
import type { Positions } from "./positions.ts";

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
export type OwnedState = Owned<NodeState>;
export type NodeStates = LiveStates<NodeState>;

export const createNodeStates = (positions: Positions): NodeStates =>
  createLiveStates({
    positions,
    idOf: ({ node_id: id }) => id,
    hasEnded: ({ status }) => status === "deleted",
    ended: (state) => ({ ...state, status: "deleted" }),
  });
