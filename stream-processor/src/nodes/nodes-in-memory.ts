import { LRUCache } from "lru-cache";
import type { NodeData } from "./node-data.ts";

/**
 * The nodes used last. Changes come at once from probe.nodes; the time to live only bounds how long an old
 * state is used when they cannot.
 */
export function createMemoryTier(options: { maxNodes: number; ttlMs: number }) {
  const cache = new LRUCache<string, NodeData>({ max: options.maxNodes, ttl: options.ttlMs });
  return {
    get: (nodeId: string) => cache.get(nodeId),
    /** An older state than the one that is here does not replace it. */
    set: (node: NodeData) => {
      const held = cache.get(node.node_id);
      if (held === undefined || held.revision <= node.revision) cache.set(node.node_id, node);
    },
    forget: (nodeId: string) => void cache.delete(nodeId),
  };
}
