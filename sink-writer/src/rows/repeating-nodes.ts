import { LRUCache } from "lru-cache";

/** Nodes that have lately resent stored events. Only speed depends on it. */
export type RepeatingNodes = {
  readonly add: (nodeId: string) => void;
  /** To be called before `has`, because decoding the node id of each row costs time. */
  readonly isAny: () => boolean;
  readonly has: (nodeId: string) => boolean;
};

const MAX_NODES = 10_000;
const TTL_MS = 10 * 60 * 1_000;

/** @param options.ttlMs how long a node stays in the set after its last duplicate */
export function createRepeatingNodes(options: { ttlMs?: number } = {}): RepeatingNodes {
  const { ttlMs = TTL_MS } = options;
  const nodes = new LRUCache<string, true>({ max: MAX_NODES, ttl: ttlMs, ttlAutopurge: true });
  return {
    add: (nodeId) => void nodes.set(nodeId, true),
    isAny: () => nodes.size > 0,
    has: (nodeId) => nodes.has(nodeId),
  };
}
