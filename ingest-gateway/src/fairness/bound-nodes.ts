import { hash } from "node:crypto";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { throttled } from "@fiberstream/runtime/throttled";
import type { AskRedis } from "@fiberstream/redis/prompt-redis";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import { LRUCache } from "lru-cache";
import type { Sender } from "../auth/sender.ts";
import type { Fault, Rejection } from "../codes.ts";
import type { CheckedEvents } from "../validate-events.ts";

type Validated = { readonly events: readonly ProbeMetric[]; readonly checked: CheckedEvents };

/** Rejects events of nodes that are more than their sender may report for. Never throws. */
export type BoundNodes = (
  validated: Validated,
  sender: Pick<Sender, "id" | "maxNodes">,
) => Promise<Validated>;

/** About 150 bytes each. */
const MAX_NODES_IN_MEMORY = 200_000;
/** How long a node is let in without Redis being told that it still reports. */
const TOLD_EVERY_MS = 60 * 60 * 1_000;
/** A node's place is free again so long after its last event: fleets replace their probes. */
const PLACE_KEPT_MS = 30 * 24 * 60 * 60 * 1_000;
const NODES_PER_CALL = 500;

/** A node's place is a member with the time of its last event; the answer has "1" for each node that has one. */
const TAKE_PLACES = `
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local max, keptMs = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', nowMs - keptMs)
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
redis.call('PEXPIRE', KEYS[1], keptMs)
return table.concat(answer)`;

/**
 * Each node that a key reports for costs a row, a record and places in caches for long, and a key whose pattern ends
 * with "*" can invent them: so many of a key have a place in Redis, for all gateways. Nodes that were seen lately are
 * known here; while Redis is away each gateway gives places by what it knows itself.
 *
 * @param options.namespace prefix of the keys in Redis
 */
export function createBoundNodes(options: {
  ask: AskRedis;
  namespace: string;
  log: Log;
}): BoundNodes {
  const { ask, namespace, log } = options;
  /** How many of `seen` are a key's. */
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
      "nodes of keys cannot be counted together, each gateway counts its own",
    ),
  );

  const remember = (keyId: string, nodeId: string) => {
    // Not all at once an hour later.
    const ttl = Math.ceil(TOLD_EVERY_MS * (1 - Math.random() / 5));
    seen.set(nameOf(keyId, nodeId), keyId, { ttl });
    add(keyId, 1);
  };

  const placesInRedis = (keyId: string, nodeIds: readonly string[], maxNodes: number) =>
    ask(
      (client) =>
        client.eval(TAKE_PLACES, {
          keys: [`${namespace}key-nodes:${keyId}`],
          arguments: [String(maxNodes), String(PLACE_KEPT_MS), ...nodeIds.map(placeOf)],
        }) as Promise<string>,
    );

  const placesHere = (keyId: string, nodeIds: readonly string[], maxNodes: number) => {
    const free = Math.max(0, maxNodes - (counts.get(keyId) ?? 0));
    return nodeIds.map((_, at) => (at < free ? "1" : "0")).join("");
  };

  /** @returns those without a place */
  const takePlaces = async (keyId: string, nodeIds: readonly string[], maxNodes: number) => {
    const without = new Set<string>();
    for (let from = 0; from < nodeIds.length; from += NODES_PER_CALL) {
      const some = nodeIds.slice(from, from + NODES_PER_CALL);
      const places = await placesInRedis(keyId, some, maxNodes).catch((error: unknown) => {
        warn(error);
        return placesHere(keyId, some, maxNodes);
      });
      for (const [at, nodeId] of some.entries()) {
        if (places[at] === "1") remember(keyId, nodeId);
        else without.add(nodeId);
      }
    }
    return without;
  };

  /** Batches are mostly of few nodes, one after the other. */
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
    const without = await takePlaces(id, [...unseen], maxNodes);
    return without.size === 0 ? validated : withoutNodes(validated, without, maxNodes);
  };
}

const nameOf = (keyId: string, nodeId: string): string => `${keyId} ${nodeId}`;

/** 66 bits: that two nodes share a place costs nothing. */
const placeOf = (nodeId: string): string => hash("sha256", nodeId, "base64url").slice(0, 11);

function withoutNodes(
  { events, checked }: Validated,
  without: ReadonlySet<string>,
  maxNodes: number,
): Validated {
  const kept: ProbeMetric[] = [];
  const indexes: number[] = [];
  const faults: readonly Fault[] = [
    {
      code: "TOO_MANY_NODES",
      field: "node_id",
      message: `this key may report for ${maxNodes} nodes and has reported for as many within 30 days: ask for more (fiber keys change), or use the ids of nodes that there are`,
    },
  ];
  const rejections: Rejection[] = [...checked.rejections];
  for (const [at, event] of events.entries()) {
    const index = checked.indexes[at] ?? 0;
    if (without.has(event.node_id)) rejections.push({ index, faults });
    else {
      kept.push(event);
      indexes.push(index);
    }
  }
  return {
    events: kept,
    checked: {
      ...checked,
      indexes,
      eventId: kept[0]?.event_id,
      rejections: rejections.toSorted((one, other) => one.index - other.index),
    },
  };
}
