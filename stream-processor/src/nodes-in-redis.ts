import { type Redis, redisFailure } from "@fiberstream/redis/redis";
import type { NodeData } from "./node-data.ts";

/**
 * The cache that all processors share: one string of JSON a node, under `<namespace>node:<node_id>`.
 * Times to live differ by up to a fifth, so that nodes cached together are not asked for together.
 */
export function createRedisTier(options: { redis: Redis; namespace: string; ttlSeconds: number }) {
  const { client, isUp } = options.redis;
  const keyOf = (nodeId: string) => `${options.namespace}node:${nodeId}`;
  const ttlSeconds = () => Math.ceil(options.ttlSeconds * (1 - Math.random() / 5));

  return {
    /** @throws {TransientError} when Redis is away */
    getMany: async (nodeIds: readonly string[]): Promise<NodeData[]> => {
      try {
        const values = await client.mGet(nodeIds.map(keyOf));
        return values.flatMap((value) => (value === null ? [] : [JSON.parse(value) as NodeData]));
      } catch (error) {
        throw redisFailure(error);
      }
    },
    /** Never throws: what is not cached is asked for again. */
    setMany: async (nodes: readonly NodeData[]): Promise<void> => {
      if (nodes.length === 0 || !isUp()) return;
      const commands = client.multi();
      for (const node of nodes) {
        commands.set(keyOf(node.node_id), JSON.stringify(node), {
          expiration: { type: "EX", value: ttlSeconds() },
        });
      }
      await commands.execAsPipeline().catch(() => undefined);
    },
    /** Never throws: an entry that stays is good until its time to live ends. */
    forgetMany: async (nodeIds: readonly string[]): Promise<void> => {
      if (nodeIds.length === 0 || !isUp()) return;
      await client.unlink(nodeIds.map(keyOf)).catch(() => undefined);
    },
  };
}
