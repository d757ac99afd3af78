import { LRUCache } from "lru-cache";
import type { NodeData } from "./node-data.ts";

/**
 * An LRU cache of nodes. Changes arrive from probe.nodes at once; the time to live bounds how long an old state is used
 * while that topic cannot be read.
 */
export function createMemoryTier(options: { maxNodes: number; ttlMs: number }) {
  const cache = new LRUCache<string, NodeData>({ max: options.maxNodes, ttl: options.ttlMs });
  return {
    get: (nodeId: string) => cache.get(nodeId),
    /** Does not replace a newer state by an older one. */
    set: (node: NodeData) => {
      const cached = cache.get(node.node_id);
      if (cached === undefined || cached.revision <= node.revision) cache.set(node.node_id, node);
    },
    forget: (nodeId: string) => void cache.delete(nodeId),
  };
}
