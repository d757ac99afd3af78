import { hash } from "node:crypto";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { throttled } from "@fiberstream/runtime/throttled";
import type { AskRedis } from "@fiberstream/redis/prompt-redis";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import { LRUCache } from "lru-cache";
import type { Sender } from "../auth/sender.ts";
import type { Fault } from "@fiberstream/event-rules/fault";
import type { Rejection } from "../answers/codes.ts";
import type { CheckedEvents } from "../validation/validate-events.ts";

type Validated = { readonly events: readonly ProbeMetric[]; readonly checked: CheckedEvents };

/**
 * Rejects events of nodes past the maximum number of nodes that their sender may report for. While Redis is unavailable
 * they are `undecided` instead. Never throws.
 */
export type BoundNodes = (
  validated: Validated,
  sender: Pick<Sender, "id" | "maxNodes">,
) => Promise<Validated>;

/** About 150 bytes each. */
const MAX_NODES_IN_MEMORY = 200_000;
/** How long a node is admitted without updating its time in Redis. */
const UPDATE_EVERY_MS = 60 * 60 * 1_000;
/** A node stops counting so long after its last event: fleets replace their probes. */
const SLOT_TTL_MS = 30 * 24 * 60 * 60 * 1_000;
const NODES_PER_CALL = 500;

/** A node's slot is a member of a sorted set, scored by the time of its last event. Returns "1" for each node with a slot. */
const TAKE_SLOTS = `
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local max, ttlMs = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', nowMs - ttlMs)
local taken = redis.call('ZCARD', KEYS[1])
local answer = {}
for at = 3, #ARGV do
  local hasOne = redis.call('ZSCORE', KEYS[1], ARGV[at])
  if hasOne or taken < max then
    redis.call('ZADD', KEYS[1], nowMs, ARGV[at])
    if not hasOne then taken = taken + 1 end
    answer[at - 2] = '1'
  else answer[at - 2] = '0' end
end
redis.call('PEXPIRE', KEYS[1], ttlMs)
return table.concat(answer)`;

/**
 * Creates the bound on a key's nodes. Each node costs a row, a record and cache entries for a long time, and a key whose
 * pattern ends with "*" can invent nodes. So each key has a number of slots for nodes, in Redis for all gateways. Nodes
 * that were seen lately are cached; while Redis is unavailable each gateway counts only those. Past them it cannot decide, and
 * the sender has to retry: Redis may know the node.
 *
 * @param options.namespace prefix of the keys in Redis
 */
export function createBoundNodes(options: {
  ask: AskRedis;
  namespace: string;
  log: Log;
}): BoundNodes {
  const { ask, namespace, log } = options;
  /** The number of each key's nodes in `seen`. */
  const counts = new Map<string, number>();
  const add = (keyId: string, nodes: number) => {
    const left = (counts.get(keyId) ?? 0) + nodes;
    if (left > 0) counts.set(keyId, left);
    else counts.delete(keyId);
  };
  /** The key's id by key and node. */
  const seen = new LRUCache<string, string>({
    max: MAX_NODES_IN_MEMORY,
    dispose: (keyId) => add(keyId, -1),
  });
  const warn = throttled((error: unknown, times) =>
    log.warn(
      { reason: messageOf(error), times },
      "counting nodes in Redis failed, counting the nodes of this gateway only",
    ),
  );

  const remember = (keyId: string, nodeId: string) => {
    // Randomized, so that they do not all expire at once.
    const ttl = Math.ceil(UPDATE_EVERY_MS * (1 - Math.random() / 5));
    const name = nameOf(keyId, nodeId);
    // Another request may have added it meanwhile: deleting it first lets it count once.
    seen.delete(name);
    seen.set(name, keyId, { ttl });
    add(keyId, 1);
  };

  const slotsInRedis = (keyId: string, nodeIds: readonly string[], maxNodes: number) =>
    ask(
      (client) =>
        client.eval(TAKE_SLOTS, {
          keys: [`${namespace}key-nodes:${keyId}`],
          arguments: [String(maxNodes), String(SLOT_TTL_MS), ...nodeIds.map(memberOf)],
        }) as Promise<string>,
    );

  const slotsInMemory = (keyId: string, nodeIds: readonly string[], maxNodes: number) => {
    const free = Math.max(0, maxNodes - (counts.get(keyId) ?? 0));
    return nodeIds.map((_, at) => (at < free ? "1" : "0")).join("");
  };

  /** @returns the nodes without a slot, and those that may have one in Redis, which is unavailable */
  const takeSlots = async (keyId: string, nodeIds: readonly string[], maxNodes: number) => {
    const withoutSlot = new Set<string>();
    const unknown = new Set<string>();
    for (let from = 0; from < nodeIds.length; from += NODES_PER_CALL) {
      const chunk = nodeIds.slice(from, from + NODES_PER_CALL);
      let without = withoutSlot;
      const slots = await slotsInRedis(keyId, chunk, maxNodes).catch((error: unknown) => {
        warn(error);
        without = unknown;
        return slotsInMemory(keyId, chunk, maxNodes);
      });
      for (const [at, nodeId] of chunk.entries()) {
        if (slots[at] === "1") remember(keyId, nodeId);
        else without.add(nodeId);
      }
    }
    return { withoutSlot, unknown };
  };

  /** Consecutive events of a batch mostly have the same node. */
  const unseenOf = (events: readonly ProbeMetric[], keyId: string) => {
    const unseen = new Set<string>();
    let last: string | undefined;
    for (const { node_id } of events) {
      if (node_id === last) continue;
      last = node_id;
      if (seen.get(nameOf(keyId, node_id)) === undefined) unseen.add(node_id);
    }
    return unseen;
  };

  return async (validated, { id, maxNodes }) => {
    if (maxNodes === undefined) return validated;
    const unseen = unseenOf(validated.events, id);
    if (unseen.size === 0) return validated;
    const left = await takeSlots(id, [...unseen], maxNodes);
    return left.withoutSlot.size + left.unknown.size === 0
      ? validated
      : withoutNodes(validated, left, maxNodes);
  };
}

const nameOf = (keyId: string, nodeId: string): string => `${keyId} ${nodeId}`;

/** 66 bits of a hash: a collision only lets a key have one node more. */
const memberOf = (nodeId: string): string => hash("sha256", nodeId, "base64url").slice(0, 11);

function withoutNodes(
  { events, checked }: Validated,
  { withoutSlot, unknown }: Record<"withoutSlot" | "unknown", ReadonlySet<string>>,
  maxNodes: number,
): Validated {
  const allowed: ProbeMetric[] = [];
  const indexes: number[] = [];
  const undecided: number[] = [];
  const faults: readonly Fault[] = [
    {
      code: "TOO_MANY_NODES",
      field: "node_id",
      message: `this key may report for ${maxNodes} nodes and has reported for as many within 30 days: ask for a higher limit (fiber keys change), or use the ids of existing nodes`,
    },
  ];
  const rejections: Rejection[] = [...checked.rejections];
  for (const [at, event] of events.entries()) {
    const index = checked.indexes[at] ?? 0;
    if (withoutSlot.has(event.node_id)) rejections.push({ index, faults });
    else if (unknown.has(event.node_id)) undecided.push(index);
    else {
      allowed.push(event);
      indexes.push(index);
    }
  }
  return {
    events: allowed,
    checked: {
      ...checked,
      indexes,
      undecided,
      eventId: allowed[0]?.event_id,
      rejections: rejections.toSorted((a, b) => a.index - b.index),
    },
  };
}
