import type { AskRedis } from "@fiberstream/redis/prompt-redis";
import type { NodeData } from "./node-data.ts";

const NODES_PER_CALL = 500;

/**
 * Several processors write at different moments: an older state must not replace a newer one.
 * A value is the revision, a space and the JSON.
 */
const SET_UNLESS_OLDER = `
  for at, key in ipairs(KEYS) do
    local value = ARGV[at * 2 - 1]
    local held = redis.call("GET", key)
    if not held or tonumber(held:match("^%d+")) <= tonumber(value:match("^%d+")) then
      redis.call("SET", key, value, "EX", ARGV[at * 2])
    end
  end`;

const textOf = (node: NodeData): string => `${node.revision} ${JSON.stringify(node)}`;
const nodeOf = (text: string) => JSON.parse(text.slice(text.indexOf(" ") + 1)) as NodeData;

/**
 * The cache that all processors share: one string a node, under `<namespace>node:<node_id>`.
 * Times to live differ by up to a fifth, so that nodes cached together do not expire together.
 */
export function createRedisTier(options: { ask: AskRedis; namespace: string; ttlSeconds: number }) {
  const { ask } = options;
  const keyOf = (nodeId: string) => `${options.namespace}node:${nodeId}`;
  const ttlSeconds = () => Math.ceil(options.ttlSeconds * (1 - Math.random() / 5));

  return {
    /** @throws {TransientError} when Redis is unavailable or does not answer soon */
    getMany: async (nodeIds: readonly string[]): Promise<NodeData[]> => {
      const values = await ask((client) => client.mGet(nodeIds.map(keyOf)));
      return values.flatMap((value) => (value === null ? [] : [nodeOf(value)]));
    },
    /** Never throws: a node that is not cached is looked up again. */
    setMany: async (nodes: readonly NodeData[]): Promise<void> => {
      for (let from = 0; from < nodes.length; from += NODES_PER_CALL) {
        const chunk = nodes.slice(from, from + NODES_PER_CALL);
        const set = {
          keys: chunk.map(({ node_id }) => keyOf(node_id)),
          arguments: chunk.flatMap((node) => [textOf(node), String(ttlSeconds())]),
        };
        await ask((client) => client.eval(SET_UNLESS_OLDER, set)).catch(() => undefined);
      }
    },
    /** Never throws: an entry that is not deleted expires after its time to live. */
    forgetMany: async (nodeIds: readonly string[]): Promise<void> => {
      if (nodeIds.length === 0) return;
      await ask((client) => client.unlink(nodeIds.map(keyOf))).catch(() => undefined);
    },
  };
}
