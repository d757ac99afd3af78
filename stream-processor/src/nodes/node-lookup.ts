import { TransientError } from "@fiberstream/runtime/errors";
import { type RawEvent, type SeenNode, seenNodeOf } from "../decode/raw-event.ts";
import type { NodeData } from "./node-data.ts";

/**
 * Returns the data of the nodes that a batch names. A node that could not be looked up is missing from the result: its
 * events continue without node data.
 * @param seen an event of each node
 * @throws {FatalError} when the database fails permanently
 */
export type NodeLookup = (
  seen: ReadonlyMap<string, RawEvent>,
) => Promise<ReadonlyMap<string, NodeData>>;

export const LOOKUP_OUTCOMES = {
  memory: ["hit", "miss"],
  redis: ["hit", "miss", "unavailable"],
  postgres: ["hit", "miss", "registered", "unavailable"],
} as const;
export type Tier = keyof typeof LOOKUP_OUTCOMES;
export type LookupOutcome = (typeof LOOKUP_OUTCOMES)["postgres"][number];

/** Looks nodes up in memory, then in Redis, then in PostgreSQL, where it registers unknown nodes: one call for each tier and batch. */
export function createNodeLookup(tiers: {
  memory: { get: (nodeId: string) => NodeData | undefined; set: (node: NodeData) => void };
  redis: {
    getMany: (nodeIds: readonly string[]) => Promise<NodeData[]>;
    setMany: (nodes: readonly NodeData[]) => Promise<void>;
  };
  postgres: {
    getMany: (nodeIds: readonly string[]) => Promise<NodeData[]>;
    register: (unknown: readonly SeenNode[]) => Promise<NodeData[]>;
  };
  count: (tier: Tier, outcome: LookupOutcome, nodes: number) => void;
}): NodeLookup {
  const { memory, redis, postgres, count } = tiers;

  /** Asks one tier; returns undefined when it is unavailable. */
  const ask = async (tier: Tier, requested: number, call: () => Promise<NodeData[]>) => {
    try {
      const nodes = await call();
      count(tier, "hit", nodes.length);
      count(tier, "miss", requested - nodes.length);
      return nodes;
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      count(tier, "unavailable", requested);
      return undefined;
    }
  };

  const register = async (unknown: readonly SeenNode[]) => {
    try {
      const nodes = await postgres.register(unknown);
      count("postgres", "registered", nodes.length);
      return nodes;
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      count("postgres", "unavailable", unknown.length);
      return [];
    }
  };

  return async (seen) => {
    const found = new Map<string, NodeData>();
    const wanted = new Map<string, RawEvent>();
    for (const [nodeId, event] of seen) {
      const node = memory.get(nodeId);
      if (node === undefined) wanted.set(nodeId, event);
      else found.set(nodeId, node);
    }
    count("memory", "hit", found.size);
    count("memory", "miss", wanted.size);

    const addFound = (nodes: readonly NodeData[]) => {
      for (const node of nodes) {
        found.set(node.node_id, node);
        wanted.delete(node.node_id);
        memory.set(node);
      }
    };
    if (wanted.size > 0) {
      addFound((await ask("redis", wanted.size, () => redis.getMany([...wanted.keys()]))) ?? []);
    }
    if (wanted.size > 0) {
      const known = await ask("postgres", wanted.size, () => postgres.getMany([...wanted.keys()]));
      addFound(known ?? []);
      const registered =
        known && wanted.size > 0 ? await register(Array.from(wanted.values(), seenNodeOf)) : [];
      addFound(registered);
      await redis.setMany([...(known ?? []), ...registered]);
    }
    return found;
  };
}
