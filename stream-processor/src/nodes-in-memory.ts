import { LRUCache } from "lru-cache";
import type { NodeData } from "./node-data.ts";

/** The nodes used last, each for a short time: a change of a node is seen when it has passed. */
export function createMemoryTier(options: { maxNodes: number; ttlMs: number }) {
  const cache = new LRUCache<string, NodeData>({ max: options.maxNodes, ttl: options.ttlMs });
  return {
    get: (nodeId: string) => cache.get(nodeId),
    set: (node: NodeData) => void cache.set(node.node_id, node),
    forget: (nodeId: string) => void cache.delete(nodeId),
  };
}
