import { describe, expect, it } from "@jest/globals";
import { EVERYTHING, scopeOf } from "../access/scope.ts";
import { createNodeStates as createStates, type NodeState } from "./node-states.ts";
import { createPositions } from "./positions.ts";

const createNodeStates = () => {
  const positions = createPositions();
  return { ...createStates(positions), position: positions.now, onChange: positions.onChange };
};
const ALL = EVERYTHING;
const of = (...tenants: string[]) => scopeOf(tenants.map((tenant) => ({ tenant, nodes: "*" })));
const owned = (node: string, latency: number, tenant: string | null = "default") => ({
  tenant,
  node,
  state: { node_id: node, status: "reporting", latency_ms: latency } as NodeState,
});
const ids = (states: readonly NodeState[] | undefined) => states?.map(({ node_id: id }) => id);

describe("the states of nodes", () => {
  it("that have changed since a position are each returned once, with their newest state", () => {
    const states = createNodeStates();
    states.update([owned("a", 1), owned("b", 1)]);
    const position = states.position();
    expect(states.changedSince(position, ALL)).toEqual([]);
    states.update([owned("a", 2)]);
    states.update([owned("a", 3), owned("b", 1)]);
    expect(states.changedSince(position, ALL)).toMatchObject([{ node_id: "a", latency_ms: 3 }]);
  });

  it("wake listeners only when one has changed", () => {
    const states = createNodeStates();
    let woken = 0;
    const remove = states.onChange(() => woken++);
    states.update([owned("a", 1)]);
    states.update([owned("a", 1)]);
    expect(woken).toBe(1);
    remove();
    states.update([owned("a", 2)]);
    expect(woken).toBe(1);
  });

  it("are those of the reader's tenants", () => {
    const states = createNodeStates();
    const position = states.position();
    states.update([owned("a", 1, "acme"), owned("b", 1, "other"), owned("c", 1, null)]);
    expect(ids(states.all(of("acme")))).toEqual(["a"]);
    expect(ids(states.changedSince(position, of("acme", "other")))).toEqual(["a", "b"]);
    expect(states.all(of())).toEqual([]);
  });

  it("of nodes that are there no more are sent as deleted, and are in no snapshot", () => {
    const states = createNodeStates();
    states.replaceAll([owned("a", 1), owned("b", 1)]);
    const position = states.position();
    states.replaceAll([owned("b", 1)]);
    expect(states.changedSince(position, ALL)).toMatchObject([{ node_id: "a", status: "deleted" }]);
    expect(ids(states.all(ALL))).toEqual(["b"]);
  });

  it("are forgotten once they have ended, and positions before that are not known", () => {
    const states = createNodeStates();
    states.replaceAll([owned("a", 1), owned("b", 1)]);
    const position = states.position();
    states.replaceAll([owned("b", 1)]);
    const deleted = states.position();
    states.replaceAll([owned("b", 1)]);
    expect(states.changedSince(position, ALL)).toBeUndefined();
    expect(states.changedSince(deleted, ALL)).toEqual([]);
  });

  it("do not know positions of another process, or from the future", () => {
    const position = createNodeStates().position();
    const states = createNodeStates();
    for (const other of [position, states.position().replace(/\d+$/, "7"), "", "x", "-1"]) {
      expect(states.changedSince(other, ALL)).toBeUndefined();
    }
  });
});
