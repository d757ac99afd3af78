import { LRUCache } from "lru-cache";

/** Nodes that have sent again lately what is stored. Nothing but speed depends on it. */
export type RepeatingNodes = {
  readonly note: (nodeId: string) => void;
  /** To be asked first: a node id is a text to be made of each row. */
  readonly isAny: () => boolean;
  readonly has: (nodeId: string) => boolean;
};

const MAX_NODES = 10_000;
const KEPT_MS = 10 * 60 * 1_000;

/** @param options.keptMs how long a node counts as one after its last repeat */
export function createRepeatingNodes(options: { keptMs?: number } = {}): RepeatingNodes {
  const { keptMs = KEPT_MS } = options;
  const nodes = new LRUCache<string, true>({ max: MAX_NODES, ttl: keptMs, ttlAutopurge: true });
  return {
    note: (nodeId) => void nodes.set(nodeId, true),
    isAny: () => nodes.size > 0,
    has: (nodeId) => nodes.has(nodeId),
  };
}
