import { FatalError, TransientError } from "@fiberstream/runtime/errors";
import { describe, expect, it } from "@jest/globals";
import type { NodeData } from "./node-data.ts";
import type { RawEvent } from "../decode/raw-event.ts";
import { sampleEvent } from "../testing/sample-event.ts";
import { createNodeLookup } from "./node-lookup.ts";

const nodeOf = (node_id: string): NodeData => ({
  node_id,
  node_name: `probe-${node_id}`,
  display_name: null,
  status: "reporting",
  country: "GH",
  region: "Ashanti",
  city: null,
  lat: null,
  lng: null,
  tags: {},
  revision: 1,
});
const seen = (...nodeIds: string[]): Map<string, RawEvent> =>
  new Map(nodeIds.map((nodeId) => [nodeId, sampleEvent({ node_id: nodeId })]));

function tiersWith(contents: {
  memory?: string[];
  redis?: string[] | Error;
  postgres?: string[] | Error;
}) {
  const memory = new Map((contents.memory ?? []).map((id) => [id, nodeOf(id)]));
  const calls: string[] = [];
  const counts: Record<string, number> = {};
  const get =
    (name: string, held: string[] | Error | undefined) => async (ids: readonly string[]) => {
      calls.push(`${name} get ${ids.join(" ")}`);
      if (held instanceof Error) throw held;
      return ids.filter((id) => held?.includes(id)).map(nodeOf);
    };
  const lookup = createNodeLookup({
    memory: { get: (id) => memory.get(id), set: (node) => void memory.set(node.node_id, node) },
    redis: {
      getMany: get("redis", contents.redis),
      setMany: async (nodes) => {
        calls.push(`redis set ${nodes.map(({ node_id }) => node_id).join(" ")}`);
      },
    },
    postgres: {
      getMany: get("postgres", contents.postgres),
      register: async (unknown) => {
        calls.push(`register ${unknown.map(({ nodeId }) => nodeId).join(" ")}`);
        return unknown.map(({ nodeId }) => nodeOf(nodeId));
      },
    },
    count: (tier, outcome, nodes) => {
      if (nodes > 0) counts[`${tier} ${outcome}`] = nodes;
    },
  });
  return { lookup, calls, counts };
}

describe("node lookup", () => {
  it("asks each tier once for what the tiers before it lack, and stores it in those", async () => {
    const { lookup, calls, counts } = tiersWith({
      memory: ["a"],
      redis: ["b"],
      postgres: ["c"],
    });
    const found = await lookup(seen("a", "b", "c", "d", "a", "d"));
    expect([...found.keys()]).toEqual(["a", "b", "c", "d"]);
    expect(calls).toEqual(["redis get b c d", "postgres get c d", "register d", "redis set c d"]);
    expect(counts).toMatchObject({
      "memory hit": 1,
      "redis hit": 1,
      "postgres hit": 1,
      "postgres registered": 1,
    });
    calls.length = 0;
    await lookup(seen("a", "b", "c", "d"));
    expect(calls).toEqual([]);
  });

  it("continues without Redis", async () => {
    const redis = new TransientError("redis", "connection refused");
    const { lookup, counts } = tiersWith({ redis, postgres: ["a"] });
    expect((await lookup(seen("a"))).get("a")).toEqual(nodeOf("a"));
    expect(counts["redis unavailable"]).toBe(1);
  });

  it("continues without Redis and PostgreSQL, and registers no node that it could not look up", async () => {
    const { lookup, calls, counts } = tiersWith({
      memory: ["a"],
      redis: new TransientError("redis", "connection refused"),
      postgres: new TransientError("postgres", "connection refused"),
    });
    const found = await lookup(seen("a", "b"));
    expect([...found.keys()]).toEqual(["a"]);
    expect(counts["postgres unavailable"]).toBe(1);
    expect(calls).not.toContain("register b");
  });

  it("stops if the database rejects the query permanently", async () => {
    const { lookup } = tiersWith({ postgres: new FatalError("no such table", "migrate") });
    await expect(lookup(seen("a"))).rejects.toThrow(FatalError);
  });
});
